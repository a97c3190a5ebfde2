//go:build unix

package dirlock_test

import (
	"errors"
	"testing"

	"firedrill/internal/dirlock"
)

func TestLock(t *testing.T) {
	dir := t.TempDir()
	unlock, err := dirlock.Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dirlock.Lock(dir); !errors.Is(err, dirlock.ErrHeld) {
		t.Errorf("second lock: %v, want ErrHeld", err)
	}
	unlock()
	again, err := dirlock.Lock(dir)
	if err != nil {
		t.Fatalf("lock of a folder that was given back: %v", err)
	}
	again()
}
