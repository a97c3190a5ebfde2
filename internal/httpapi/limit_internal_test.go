package httpapi

import (
	"fmt"
	"testing"
	"time"
)

func TestBuckets(t *testing.T) {
	b := newBuckets(1, 2)
	now := time.Unix(1e9, 0)
	for i, want := range []bool{true, true, false} {
		if got := b.allow("a", now); got != want {
			t.Errorf("call %d: %v, want %v", i, got, want)
		}
	}
	if !b.allow("b", now) {
		t.Error("another key has no bucket of its own")
	}
	if now = now.Add(time.Second); !b.allow("a", now) || b.allow("a", now) {
		t.Error("a second later there is not one more")
	}
	for i := range 2 * maxBuckets { // keys are invented
		b.allow(fmt.Sprint(i), now)
	}
	if len(b.byKey) > maxBuckets {
		t.Errorf("%d buckets, want at most %d", len(b.byKey), maxBuckets)
	}
	if b.allow("a", now) {
		t.Error("inventing keys has given a full bucket back")
	}
	now = now.Add(time.Minute)
	if !b.allow("new", now) || len(b.byKey) > 1 {
		t.Errorf("a minute later there are %d buckets, want 1: the others are full again", len(b.byKey))
	}
}

func TestRemoteKey(t *testing.T) {
	for host, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "::ffff:192.0.2.7": "::ffff:192.0.2.7", "2001:db8:1:2:3::4": "2001:db8:1:2::/64",
		"fe80::1%eth0": "fe80::/64", "pipe": "pipe",
	} {
		if got := remoteKey(host); got != want {
			t.Errorf("%s: %s, want %s", host, got, want)
		}
	}
}

func TestCell(t *testing.T) {
	for text, want := range map[string]string{"ana": "ana", "=1+1": "'=1+1", "@a": "'@a", "-a": "'-a", "+a": "'+a", "a=b": "a=b"} {
		if got := cell(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
