package store_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"firedrill/internal/challenge"
	"firedrill/internal/store"
	"firedrill/internal/store/pgtest"
)

// openSQL opens a database without a Store.
func openSQL(tb testing.TB, url string) *sql.DB {
	tb.Helper()
	driver, dsn := "pgx", url
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		driver, dsn = "sqlite", path
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { db.Close() })
	return db
}

func TestOpenAgain(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		s := open(t, url)
		insert(t, s, 1)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, url)
		equal(t, "after a restart", read(t, s, func(tx challenge.Tx) (challenge.Session, error) { return tx.Session(session(1).ID) }), session(1))
	})
}

func TestOpenNewerSchema(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		if err := open(t, url).Close(); err != nil {
			t.Fatal(err)
		}
		db := openSQL(t, url)
		if _, err := db.Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (4711, true)"); err != nil {
			t.Fatal(err)
		}
		db.Close()
		s, err := store.Open(context.Background(), url, nil)
		if err == nil {
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "version 4711") || !strings.Contains(err.Error(), "newer firedrill") {
			t.Errorf("Open of a newer schema: %v", err)
		}
	})
}

// TestOpenAtOnce starts replicas on an empty database.
func TestOpenAtOnce(t *testing.T) {
	url := pgtest.NewDatabase(t)
	var wait sync.WaitGroup
	for range 10 {
		wait.Go(func() {
			s, err := store.Open(context.Background(), url, nil)
			if err != nil {
				t.Error(err)
				return
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if n := query[int](t, url, "SELECT count(*) FROM goose_db_version WHERE version_id = 1"); n != 1 {
		t.Errorf("the first migration ran %d times", n)
	}
}

// TestSchemasAgree compares the tables and columns of both databases.
func TestSchemasAgree(t *testing.T) {
	columns := func(url, query string) (out []string) {
		if err := open(t, url).Close(); err != nil {
			t.Fatal(err)
		}
		rows, err := openSQL(t, url).Query(query)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var name string
			if err := rows.Scan(&name); err != nil {
				t.Fatal(err)
			}
			out = append(out, name)
		}
		return out
	}
	lite := columns("sqlite:"+filepath.Join(t.TempDir(), "x.db"), `SELECT m.name || '.' || c.name FROM sqlite_master m, pragma_table_info(m.name) c
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name NOT LIKE 'goose%'
		UNION SELECT name FROM sqlite_master WHERE type = 'index' AND name NOT LIKE 'sqlite_%' ORDER BY 1`)
	post := columns(pgtest.NewDatabase(t), `SELECT table_name || '.' || column_name FROM information_schema.columns
		WHERE table_schema = 'public' AND table_name NOT LIKE 'goose%'
		UNION SELECT indexname FROM pg_indexes WHERE schemaname = 'public' AND indexname NOT LIKE '%_pkey' ORDER BY 1`)
	equal(t, "PostgreSQL against SQLite", post, lite)
	if len(lite) < 80 {
		t.Errorf("only %d columns and indexes were compared", len(lite))
	}
}

func TestOpenSQLiteTwice(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a b%20c?d#e.db")
	s := open(t, path)
	insert(t, s, 1)
	link := filepath.Join(dir, "link.db")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, "sqlite:" + path, "sqlite://" + path, link} {
		second, err := store.Open(context.Background(), name, nil)
		if err == nil {
			second.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "another firedrill") {
			t.Errorf("second Open, as %s: %v", name, err)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode of the file: %v, %v, want 0600", info.Mode(), err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, link)
}

// TestOpenSQLiteOfAnotherProcess has a child hold the file.
func TestOpenSQLiteOfAnotherProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	s := open(t, path)
	insert(t, s, 1)
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childEnv+"="+path)
	out, err := child.Output()
	if err == nil || !strings.Contains(string(out), "another firedrill") {
		t.Errorf("child: %v, %s", err, out)
	}
}

func TestOpenErrors(t *testing.T) {
	good := pgtest.NewDatabase(t)
	secret := "s3cret/p@ss word"
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "text"), []byte("this is no database, and it is longer than a header of one"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ url, want string }{
		{"mysql://root:hunter2@localhost/db", "unknown kind of URL"},
		{"", "unknown kind of URL"},
		{"sqlite:", "a path of a file"},
		{"sqlite::memory:", "a path of a file"},
		{dir, "is a directory"},
		{filepath.Join(dir, "text"), "not a database"},
		{filepath.Join(dir, "text", "x.db"), "not a directory"},
		{"postgres://u:hunter2@127.0.0.1:bad/db", "malformed"},
		{"postgres://u:hunter2%zz@127.0.0.1/db", "malformed"},
		{"postgres://u:hunter2@127.0.0.1:1/db", "127.0.0.1:1"},
		{"postgres://u:hunter2@127.0.0.1/db?sslmode=hunter2", "sslmode is invalid"},
		{"postgres://u:x@127.0.0.1/db?password=hunter2&sslmode=nope", "sslmode"},
		{"postgres://u:hunter2@127.0.0.1/db?connect_timeout=hunter2", "cannot be used"},
		{strings.Replace(good, "firedrill:s3cret", "firedrill:hunter2", 1), "password authentication failed"},
		{good + "&application_name=x&database=none", "does not exist"},
	} {
		s, err := store.Open(context.Background(), c.url, nil)
		if err == nil {
			s.Close()
			t.Errorf("Open(%s) worked", c.url)
			continue
		}
		if !strings.Contains(err.Error(), c.want) {
			t.Errorf("Open(%s): %v, want %q", c.url, err, c.want)
		}
		for _, s := range []string{"hunter2", secret, "s3cret"} {
			if strings.Contains(err.Error(), s) {
				t.Errorf("Open: the error has the password: %v", err)
			}
		}
	}
}

// TestOpenRefusesWords checks that what is no URL makes no file: it may be a connection string with a password.
func TestOpenRefusesWords(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, url := range []string{"host=127.0.0.1 user=bob password=hunter2", "hunter2", "mysql://bob:hunter2@db/x", "./hunter2", ""} {
		s, err := store.Open(context.Background(), url, nil)
		if err == nil {
			s.Close()
			t.Errorf("Open(%q) worked", url)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error repeats what was given: %v", err)
		}
	}
	if left, _ := os.ReadDir("."); len(left) > 0 {
		t.Errorf("files were made: %v", left)
	}
}

// TestCloseLeavesOneFile checks that a copy of the file of a closed store has everything.
func TestCloseLeavesOneFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.db")
	s, err := store.Open(context.Background(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = s.Update(context.Background(), func(tx challenge.Tx) error {
		return tx.InsertAudit(challenge.AuditEntry{At: time.Now(), Actor: "ana", Action: "test"})
	})
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "b.db")
	if err := os.WriteFile(copied, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err = store.Open(context.Background(), copied, nil); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var list []challenge.AuditEntry
	err = s.View(context.Background(), func(tx challenge.Tx) (err error) {
		list, _, err = tx.Audit("", challenge.Page{})
		return err
	})
	if err != nil || len(list) != 1 {
		t.Errorf("the copy has %v, %v, want one entry", list, err)
	}
}
