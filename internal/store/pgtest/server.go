package pgtest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// maxAttempts bounds how often another port is tried: between finding one free and listening somebody else may take it.
const maxAttempts = 3

type server struct {
	dir    string // has the data and the log
	port   int
	cmd    *exec.Cmd
	exited chan struct{}
}

func start() (*server, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	as, err := unprivileged()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "firedrill-pgtest-")
	if err != nil {
		return nil, err
	}
	s, err := startIn(dir, bin, as)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

func startIn(dir, bin string, as *account) (*server, error) {
	secret := filepath.Join(dir, "password")
	if err := os.WriteFile(secret, []byte(password+"\n"), 0o600); err != nil {
		return nil, err
	}
	if as != nil {
		for _, path := range []string{dir, secret} {
			if err := os.Chown(path, as.uid, as.gid); err != nil {
				return nil, err
			}
		}
	}
	initdb := exec.Command(filepath.Join(bin, "initdb"), "--pgdata", filepath.Join(dir, "data"), "--username=firedrill", "--pwfile="+secret,
		"--auth=scram-sha-256", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8")
	initdb.Dir, initdb.SysProcAttr = dir, as.attr()
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	var err error
	for range maxAttempts {
		s := &server{dir: dir, exited: make(chan struct{})}
		if s.port, err = freePort(); err != nil {
			return nil, err
		}
		if err = s.launch(bin, as); err != nil {
			continue
		}
		if err = s.ready(); err == nil {
			return s, nil
		}
		s.end()
	}
	return nil, err
}

// launch starts the server, and leaves a goroutine that waits for its end.
func (s *server) launch(bin string, as *account) error {
	log, err := os.Create(s.logFile())
	if err != nil {
		return err
	}
	defer log.Close()
	s.cmd = exec.Command(filepath.Join(bin, "postgres"), "-D", filepath.Join(s.dir, "data"), "-p", strconv.Itoa(s.port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "shared_buffers=64MB", "-c", "fsync=on")
	s.cmd.Dir, s.cmd.SysProcAttr = s.dir, as.attr()
	s.cmd.Stdout, s.cmd.Stderr = log, log
	started := make(chan error)
	go func() {
		// The kernel sends the death signal when the thread that started the child ends (prctl(2),
		// PR_SET_PDEATHSIG), so this one is kept until then.
		runtime.LockOSThread()
		defer close(s.exited)
		err := s.cmd.Start()
		started <- err
		if err == nil {
			_ = s.cmd.Wait()
		}
	}()
	return <-started
}

func (s *server) stop() {
	s.end()
	_ = os.RemoveAll(s.dir)
}

// end asks for a fast shutdown (PostgreSQL documentation, "Shutting Down the Server"), and insists when it takes long.
func (s *server) end() {
	if s.cmd.Process == nil {
		return
	}
	_ = s.cmd.Process.Signal(os.Interrupt)
	select {
	case <-s.exited:
		return
	case <-time.After(20 * time.Second):
	}
	_ = s.cmd.Process.Signal(syscall.SIGQUIT)
	<-s.exited
}

func (s *server) logFile() string { return filepath.Join(s.dir, "log") }

// binaries finds the newest PostgreSQL: where Debian puts it, else in PATH.
func binaries() (dir string, err error) {
	var newest int
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	for _, path := range found {
		bin := filepath.Dir(path)
		if version, err := strconv.Atoi(filepath.Base(filepath.Dir(bin))); err == nil && version > newest {
			newest, dir = version, bin
		}
	}
	if dir != "" {
		return dir, nil
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	return "", errors.New("it is not installed: run `apt-get install postgresql`")
}

// freePort stays below the range from which kernels take the ports of outgoing connections.
func freePort() (int, error) {
	for port := 20000 + os.Getpid()%10000; port < 32000; port++ {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.New("no free port on 127.0.0.1")
}
