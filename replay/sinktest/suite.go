// Package sinktest is one conformance suite for all sinks.
//
// An implementation fills a [Suite] and calls its Run from a test: against the real server for what
// is stored, and against a [Script], a server that answers as told, for faults that cannot be had
// otherwise. [Samples], [Records] and [Spans] make items to push.
package sinktest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"firedrill/replay"
	"firedrill/replay/endpoint"
)

// Options are what the suite asks of a new sink.
type Options struct {
	Endpoint endpoint.Config
	// Session keeps what this sink writes apart from others: by a label, a tenant or an attribute.
	Session string
	// MaxItems and MaxBytes limit a request; 0 is the sink's default.
	MaxItems, MaxBytes int
}

// Suite checks one implementation of replay.Sink.
type Suite[T replay.Item] struct {
	// New makes a sink. The suite closes it.
	New func(tb testing.TB, o Options) replay.Sink[T]
	// Make returns n items in order of due time, of the last minutes, the same for the same seed but
	// for the time of day: Samples, Records or Spans.
	Make func(n int, seed uint64) []T
	// Server returns how to reach a real server, which may be shared by all tests.
	Server func(tb testing.TB) endpoint.Config
	// Load returns all that the real server holds of a session within the due times of pushed,
	// without what the server has added. Items of one series, stream or trace are in its order.
	Load func(tb testing.TB, at endpoint.Config, session string, pushed []T) []T
	// Spoil returns item changed so that the real server finally refuses it, and nothing else of its
	// request. Nil when no item is ever refused.
	Spoil func(item T) T
	// Scripted serves s; nil is HTTP. With tls it returns a configuration whose CAFile holds the
	// authority of the server's certificate.
	Scripted func(tb testing.TB, s *Script, tls bool) endpoint.Config
	// Accept answers for a scripted HTTP server what the real one would; nil is an empty 200.
	Accept http.HandlerFunc
}

// within is how long what was pushed may take to be visible.
const within = 20 * time.Second

// Run runs the whole suite.
func (s Suite[T]) Run(t *testing.T) {
	if s.Scripted == nil {
		s.Scripted = HTTP
	}
	t.Run("server", s.runServer)
	t.Run("faults", s.runFaults)
}

func (s Suite[T]) runServer(t *testing.T) {
	at := s.Server(t)
	open := func(t *testing.T, o Options) (replay.Sink[T], string) {
		t.Helper()
		o.Endpoint = at
		if o.Session == "" {
			o.Session = NewSession()
		}
		return s.open(t, o), o.Session
	}
	t.Run("everything is stored", func(t *testing.T) {
		sink, session := open(t, Options{})
		items := s.Make(600, 1)
		before := texts(items)
		mustPush(t, sink, items)
		if d := cmp.Diff(before, texts(items)); d != "" {
			t.Errorf("Push changed its items (-before +after):\n%s", d)
		}
		s.wantStored(t, at, session, items)
		wantCount(t, sink, items)
	})
	t.Run("the range of a count is half-open", func(t *testing.T) {
		sink, _ := open(t, Options{})
		counter, ok := any(sink).(replay.Counter)
		if !ok {
			t.Skip("this sink counts by trace")
		}
		items := s.Make(100, 13)
		mustPush(t, sink, items)
		from, to := due(items[40]), due(items[70])
		want := int64(0)
		for _, it := range items {
			if !due(it).Before(from) && due(it).Before(to) {
				want++
			}
		}
		poll(t, func() error {
			got, err := counter.Stored(context.Background(), from, to)
			if err == nil && got.Items != want {
				err = fmt.Errorf("stored %d items in the range, want %d", got.Items, want)
			}
			return err
		})
	})
	t.Run("requests are cut by items", func(t *testing.T) {
		sink, session := open(t, Options{MaxItems: 7})
		items := s.Make(40, 2)
		for _, n := range mustPush(t, sink, items) {
			if n > 7 {
				t.Errorf("a request took %d items, at most 7 were allowed", n)
			}
		}
		s.wantStored(t, at, session, items)
	})
	t.Run("requests are cut by size", func(t *testing.T) {
		items := s.Make(40, 3)
		sink, session := open(t, Options{MaxBytes: 1})
		if n := len(mustPush(t, sink, items)); n != len(items) {
			t.Errorf("with room for nothing %d items took %d requests, want one each", len(items), n)
		}
		s.wantStored(t, at, session, items)

		items = s.Make(300, 3)
		sink, session = open(t, Options{MaxBytes: 4096})
		if n := len(mustPush(t, sink, items)); n < 2 || n == len(items) {
			t.Errorf("with room for 4096 bytes %d items took %d requests, want fewer but more than 1", len(items), n)
		}
		s.wantStored(t, at, session, items)
	})
	t.Run("nothing to push", func(t *testing.T) {
		sink, _ := open(t, Options{})
		if n, err := sink.Push(t.Context(), nil); n != 0 || err != nil {
			t.Errorf("Push of nothing = %d, %v, want 0, nil", n, err)
		}
		if got, err := sink.Missing(t.Context(), nil); len(got) != 0 || err != nil {
			t.Errorf("Missing of nothing = %d items, %v, want none, nil", len(got), err)
		}
	})
	t.Run("missing is what is absent", func(t *testing.T) {
		sink, session := open(t, Options{})
		items := s.Make(300, 4)
		wantMissing(t, sink, items, items)
		rng := rand.New(rand.NewPCG(4, 4))
		var some, rest []T
		for _, it := range items {
			if rng.IntN(3) > 0 {
				some = append(some, it)
			} else {
				rest = append(rest, it)
			}
		}
		mustPush(t, sink, some)
		wantMissing(t, sink, items, rest)
		mustPush(t, sink, rest)
		wantMissing(t, sink, items, nil)
		s.wantSameSet(t, at, session, items)
		wantCount(t, sink, items)
	})
	t.Run("sessions do not see each other", func(t *testing.T) {
		one, session1 := open(t, Options{})
		two, session2 := open(t, Options{})
		items := s.Make(100, 5)
		mustPush(t, one, items)
		wantMissing(t, two, items, items)
		other := s.Make(50, 6)
		mustPush(t, two, other)
		s.wantStored(t, at, session1, items)
		s.wantStored(t, at, session2, other)
		wantCount(t, one, items)
	})
	t.Run("refusal is final and counted", func(t *testing.T) {
		if s.Spoil == nil {
			t.Skip("this server refuses no item")
		}
		sink, session := open(t, Options{})
		items := s.Make(200, 7)
		var good []T
		bad := 0
		for i := range items {
			if i%40 == 13 {
				items[i] = s.Spoil(items[i])
				bad++
			} else {
				good = append(good, items[i])
			}
		}
		refused := 0
		for rest := items; len(rest) > 0; {
			n, err := sink.Push(t.Context(), rest)
			if pe := asPushError(t, err); pe != nil {
				refused += pe.Refused
				if pe.Retryable || pe.Refused == 0 || pe.Words == "" || pe.Status == "" {
					t.Errorf("refusal = %+v, want a final one with status, words and a count", pe)
				}
			}
			rest = rest[wantPrefix(t, n, len(rest)):]
		}
		if refused != bad {
			t.Errorf("%d items were refused, want %d", refused, bad)
		}
		s.wantStored(t, at, session, good)
	})
	t.Run("pushes at the same time", func(t *testing.T) {
		sink, session := open(t, Options{MaxItems: 20})
		items := s.Make(600, 8)
		parts := make([][]T, 4)
		part := make(map[string]int)
		for _, it := range items {
			p, ok := part[Key(it)]
			if !ok {
				p = len(part) % len(parts)
				part[Key(it)] = p
			}
			parts[p] = append(parts[p], it)
		}
		var wg sync.WaitGroup
		for _, p := range parts {
			wg.Go(func() {
				for len(p) > 0 {
					n, err := sink.Push(t.Context(), p)
					if err != nil || n < 1 {
						t.Errorf("Push = %d, %v", n, err)
						return
					}
					p = p[n:]
				}
			})
		}
		wg.Wait()
		s.wantStored(t, at, session, items)
	})
}

func (s Suite[T]) open(tb testing.TB, o Options) replay.Sink[T] {
	tb.Helper()
	sink := s.New(tb, o)
	tb.Cleanup(func() {
		if err := sink.Close(); err != nil {
			tb.Errorf("Close = %v", err)
		}
	})
	return sink
}

// NewSession returns a session name that was never used.
func NewSession() string { return strings.ToLower(ulid.Make().String()) }

// mustPush pushes all items and returns the length of each prefix.
func mustPush[T replay.Item](tb testing.TB, sink replay.Sink[T], items []T) []int {
	tb.Helper()
	var ns []int
	for len(items) > 0 {
		n, err := sink.Push(context.Background(), items)
		if err != nil {
			tb.Fatalf("Push of %d items = %d, %v", len(items), n, err)
		}
		ns = append(ns, wantPrefix(tb, n, len(items)))
		items = items[n:]
	}
	return ns
}

// wantPrefix returns n when it is a possible result of Push.
func wantPrefix(tb testing.TB, n, items int) int {
	tb.Helper()
	if n < 1 || n > items {
		tb.Fatalf("Push of %d items took %d", items, n)
	}
	return n
}

// asPushError returns err as the only kind of error that Push may return; nil for nil.
func asPushError(tb testing.TB, err error) *replay.PushError {
	tb.Helper()
	if err == nil {
		return nil
	}
	pe, ok := err.(*replay.PushError)
	if !ok || pe == nil {
		tb.Fatalf("Push returned %T (%v), want a *replay.PushError", err, err)
	}
	return pe
}

func wantMissing[T replay.Item](tb testing.TB, sink replay.Sink[T], items, want []T) {
	tb.Helper()
	poll(tb, func() error {
		got, err := sink.Missing(context.Background(), slices.Clone(items))
		if err != nil {
			return err
		}
		if d := cmp.Diff(texts(want), texts(got)); d != "" {
			return fmt.Errorf("missing %d of %d items, want %d (-want +got):\n%s", len(got), len(items), len(want), d)
		}
		return nil
	})
}

// wantStored checks that the session holds exactly items, in order.
func (s Suite[T]) wantStored(tb testing.TB, at endpoint.Config, session string, items []T) {
	tb.Helper()
	want := byKey(items, false)
	poll(tb, func() error { return diffStored(want, byKey(s.Load(tb, at, session, items), false)) })
}

// wantSameSet is wantStored but for the order of items of equal times, which were pushed in another.
func (s Suite[T]) wantSameSet(tb testing.TB, at endpoint.Config, session string, items []T) {
	tb.Helper()
	want := byKey(items, true)
	poll(tb, func() error { return diffStored(want, byKey(s.Load(tb, at, session, items), true)) })
}

func diffStored(want, got map[string][]string) error {
	for _, k := range slices.Sorted(maps.Keys(want)) {
		if d := cmp.Diff(want[k], got[k]); d != "" {
			return fmt.Errorf("%s: stored other items than were pushed (-want +got):\n%s", k, d)
		}
	}
	for k := range got {
		if want[k] == nil {
			return fmt.Errorf("%s: stored %d items, none was pushed", k, len(got[k]))
		}
	}
	return nil
}

// wantCount checks what the sink's own counter says of its session, which holds items.
func wantCount[T replay.Item](tb testing.TB, sink replay.Sink[T], items []T) {
	tb.Helper()
	want := count(items)
	from, to := due(items[0]), due(items[0])
	ids := make(map[pcommon.TraceID]bool)
	for _, item := range items {
		from, to = earlier(from, due(item)), later(to, due(item))
		switch it := any(item).(type) {
		case replay.Sample:
			for _, x := range it.Exemplars { // they may be older than the first sample
				from = earlier(from, time.UnixMilli(x.T))
			}
		case replay.Span:
			ids[it.Span.TraceID()] = true
		}
	}
	poll(tb, func() error {
		var got replay.Stored
		var err error
		switch c := any(sink).(type) {
		case replay.Counter:
			got, err = c.Stored(context.Background(), from, to.Add(1))
		case replay.TraceCounter:
			got, err = c.StoredTraces(context.Background(), slices.Collect(maps.Keys(ids)))
		default:
			tb.Fatalf("%T is neither a replay.Counter nor a replay.TraceCounter", sink)
		}
		if err == nil && got != want {
			err = fmt.Errorf("stored %+v, want %+v", got, want)
		}
		return err
	})
}

// poll calls check until it returns nil; its last error fails the test.
func poll(tb testing.TB, check func() error) {
	tb.Helper()
	deadline := time.Now().Add(within)
	for {
		err := check()
		if err == nil {
			return
		}
		if !time.Now().Before(deadline) {
			tb.Fatal(err)
		}
		select {
		case <-tb.Context().Done():
			tb.Fatal(errors.Join(err, tb.Context().Err()))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
