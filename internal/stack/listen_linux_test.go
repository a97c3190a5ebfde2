package stack_test

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"firedrill/internal/stack"
	"firedrill/internal/stack/stacktest"
)

// TestLoopbackOnly looks at every socket of every back end on which others could reach it.
func TestLoopbackOnly(t *testing.T) {
	s := stacktest.Start(t)
	for _, name := range stack.Names {
		pid := s.PID(name)
		found := sockets(t, pid)
		if len(found) == 0 {
			t.Errorf("%s (pid %d) listens nowhere: the test does not see its sockets", name, pid)
		}
		for _, at := range found {
			if !at.ip.IsLoopback() {
				t.Errorf("%s listens on %s %s, outside loopback", name, at.proto, net.JoinHostPort(at.ip.String(), strconv.Itoa(at.port)))
			}
		}
		t.Logf("%s: %v", name, found)
	}
}

type socket struct {
	proto string
	ip    net.IP
	port  int
}

func (s socket) String() string { return fmt.Sprintf("%s %s:%d", s.proto, s.ip, s.port) }

// sockets returns the listening TCP sockets and the unconnected UDP sockets of a process.
func sockets(t *testing.T, pid int) []socket {
	t.Helper()
	inodes := map[string]bool{}
	fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		to, err := os.Readlink(fd)
		if err != nil {
			continue // closed meanwhile
		}
		if inode, ok := strings.CutPrefix(to, "socket:["); ok {
			inodes[strings.TrimSuffix(inode, "]")] = true
		}
	}
	var found []socket
	// Column 4 is the state: 0A is LISTEN of TCP, 07 is a UDP socket without a peer (proc(5)).
	for proto, state := range map[string]string{"tcp": "0A", "tcp6": "0A", "udp": "07", "udp6": "07"} {
		f, err := os.Open(fmt.Sprintf("/proc/%d/net/%s", pid, proto))
		if err != nil {
			continue // no IPv6
		}
		for sc := bufio.NewScanner(f); sc.Scan(); {
			col := strings.Fields(sc.Text())
			if len(col) < 10 || col[3] != state || !inodes[col[9]] {
				continue
			}
			addr, port, _ := strings.Cut(col[1], ":")
			n, err := strconv.ParseUint(port, 16, 16)
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, socket{proto: proto, ip: parseIP(t, addr), port: int(n)})
		}
		f.Close()
	}
	slices.SortFunc(found, func(a, b socket) int { return a.port - b.port })
	return found
}

// parseIP reads an address as the kernel prints it: words of 32 bits in the machine's byte order,
// here little-endian.
func parseIP(t *testing.T, s string) net.IP {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil || len(b)%4 != 0 {
		t.Fatalf("address %q: %v", s, err)
	}
	for w := range slices.Chunk(b, 4) {
		slices.Reverse(w)
	}
	return net.IP(b)
}
