package source_test

import (
	"context"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"firedrill/internal/source"
	"firedrill/replay"
	"firedrill/replay/distort"
)

// TestSameAsWrapped compares a Source with what it wraps, whole and in ranges, at several sizes of its memory.
func TestSameAsWrapped(t *testing.T) {
	lib, dir := newLibrary(t, 6)
	start, end := recordedStart, recordedStart.Add(length)
	for _, difficulty := range []string{distort.Normal, distort.Hard} {
		for _, memory := range []int64{1, 200_000, 0} {
			s := open(t, newPool(t, source.Options{Library: lib, Memory: memory}), difficulty)
			want := direct(t, dir, difficulty, s.Scenario.Seed)
			wantStart, wantEnd := want.Bounds()
			if a, b := s.Bounds(); !a.Equal(wantStart) || !b.Equal(wantEnd) {
				t.Errorf("bounds %v to %v, want %v to %v", a, b, wantStart, wantEnd)
			}
			if n := same(t, s, want, start.Add(-time.Hour), end.Add(time.Hour), 1000); n < 5000 {
				t.Errorf("the whole has %d items", n)
			}
			border := wantStart.Add(2 * time.Minute) // of the first stretch
			for _, r := range [][2]time.Time{
				{start, start}, {end, end}, {end, start}, {start.Add(-2 * time.Hour), start.Add(-time.Hour)}, {end.Add(time.Hour), end.Add(2 * time.Hour)},
				{wantStart, wantStart.Add(1)}, {wantEnd.Add(-1), wantEnd}, {border.Add(-time.Second), border}, {border, border.Add(time.Second)}, {border, border.Add(2 * time.Minute)},
			} {
				same(t, s, want, r[0], r[1], 7)
			}
			rnd := rand.New(rand.NewPCG(uint64(memory), 1))
			for range 12 {
				from := start.Add(time.Duration(rnd.Int64N(int64(length))))
				same(t, s, want, from, from.Add(time.Duration(rnd.Int64N(int64(length)))), 1+rnd.IntN(300))
			}
			if family := s.Families(); len(family) != 0 {
				t.Errorf("families %v of a recording without", family)
			}
		}
	}
}

// TestConcurrentReaders reads one Source from many goroutines, with so little memory that stretches are decoded again and again.
func TestConcurrentReaders(t *testing.T) {
	lib, dir := newLibrary(t, 4)
	s := open(t, newPool(t, source.Options{Library: lib, Memory: 100_000}), distort.Hard)
	want := direct(t, dir, distort.Hard, s.Scenario.Seed)
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(i), 1))
			for range 4 {
				from := recordedStart.Add(time.Duration(rnd.Int64N(int64(length))))
				same(t, s, want, from, from.Add(time.Duration(rnd.Int64N(int64(length/2)))), 1+rnd.IntN(3000))
			}
		})
	}
	wait.Wait()
}

// TestOwnItems changes whatever an engine changes of the items of one reader, which no other must see.
func TestOwnItems(t *testing.T) {
	lib, dir := newLibrary(t, 4)
	s := open(t, newPool(t, source.Options{Library: lib}), distort.Normal)
	want := direct(t, dir, distort.Normal, 0)
	from, to := recordedStart, recordedStart.Add(length)
	exemplars := 0
	samples, err := s.Samples(from, to)
	spoil(t, samples, err, func(v *replay.Sample) {
		for i := range v.Exemplars {
			v.Exemplars[i] = replay.Exemplar{Labels: labels.FromStrings("trace_id", "spoiled")}
			exemplars++
		}
		v.T, v.V, v.FH = 0, -1, nil
	})
	records, err := s.Records(from, to)
	spoil(t, records, err, func(v *replay.Record) {
		for i := range v.Line {
			v.Line[i] = 'x'
		}
		for i := range v.Metadata {
			v.Metadata[i].Value = "spoiled"
		}
		v.Line, v.Metadata = append(v.Line, 'y'), append(v.Metadata, replay.Pair{Name: "spoiled"})
	})
	spans, err := s.Spans(from, to)
	spoil(t, spans, err, func(v *replay.Span) {
		v.Span.SetName("spoiled")
		v.Span.SetTraceID([16]byte{1})
		v.Span.Attributes().PutStr("http.route", "spoiled")
		v.Span.Events().RemoveIf(func(ptrace.SpanEvent) bool { return true })
	})
	if exemplars == 0 {
		t.Error("there are no exemplars")
	}
	same(t, s, want, from, to, 1000)
}

func spoil[T replay.Item](t *testing.T, r replay.Reader[T], err error, f func(*T)) {
	t.Helper()
	check(t, err)
	defer r.Close()
	buf := make([]T, 100)
	for {
		n, err := r.Read(buf)
		for i := range buf[:n] {
			f(&buf[i])
		}
		if err == io.EOF {
			return
		}
		check(t, err)
	}
}

// TestOpenShares opens one scenario many times at once.
func TestOpenShares(t *testing.T) {
	lib, _ := newLibrary(t, 1)
	p := newPool(t, source.Options{Library: lib})
	got := make([]*source.Source, 20)
	var wait sync.WaitGroup
	for i := range got {
		wait.Go(func() { got[i], _ = p.Open(context.Background(), "lab", distort.Hard) })
	}
	wait.Wait()
	for _, s := range got {
		if s == nil || s != got[0] {
			t.Fatalf("got %p and %p", s, got[0])
		}
	}
	normal := open(t, p, distort.Normal)
	if normal == got[0] || normal.Fingerprint == got[0].Fingerprint {
		t.Error("two difficulties are one source")
	}
	if again := open(t, newPool(t, source.Options{Library: lib}), distort.Normal); again.Fingerprint != normal.Fingerprint {
		t.Error("the fingerprint of the same evidence is another")
	}
	if page, history := normal.Page(); !page.Equal(normal.Manifest.Start.Add(6*time.Minute)) || history != 6*time.Minute {
		t.Errorf("the page is at %v with a history of %v", page, history)
	}
}

// TestOpenAgain mends what could not be opened.
func TestOpenAgain(t *testing.T) {
	lib, dir := newLibrary(t, 1)
	p := newPool(t, source.Options{Library: lib})
	away := filepath.Join(t.TempDir(), "away")
	check(t, os.Rename(dir, away))
	if s, err := p.Open(context.Background(), "lab", distort.Normal); err == nil || s != nil {
		t.Fatalf("opened %v, %v without its recording", s, err)
	}
	if _, err := p.Open(context.Background(), "lab", "impossible"); err == nil {
		t.Error("opened an unknown difficulty")
	}
	if _, err := p.Open(context.Background(), "nowhere", distort.Normal); err == nil {
		t.Error("opened an unknown scenario")
	}
	check(t, os.Rename(away, dir))
	open(t, p, distort.Normal)
}

// TestClose reads and opens after the end.
func TestClose(t *testing.T) {
	lib, dir := newLibrary(t, 2)
	p := newPool(t, source.Options{Library: lib})
	s := open(t, p, distort.Normal)
	r, err := s.Records(s.Bounds())
	check(t, err)
	buf := make([]replay.Record, 5)
	n, err := r.Read(buf)
	check(t, err)
	p.Close()
	want, err := read(direct(t, dir, distort.Normal, 0), recordedStart, recordedStart.Add(time.Minute), 10)
	check(t, err)
	for i, v := range buf[:n] {
		if got := recordItem(v); got != want[replay.Logs][i] {
			t.Errorf("what was read is not valid any more: %v", got)
		}
	}
	if _, err := read(s, recordedStart, recordedStart.Add(time.Hour), 10); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("read after the end: %v", err)
	}
	if _, err := p.Open(context.Background(), "lab", distort.Normal); err == nil {
		t.Error("opened after the end")
	}
}
