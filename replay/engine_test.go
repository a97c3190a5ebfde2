package replay_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/prometheus/model/value"
	"go.uber.org/goleak"

	"firedrill/replay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// play runs the incident with its page in the middle.
func options(m *memory) replay.Options {
	start, end := m.Bounds()
	return replay.Options{
		Session: "s1", Key: replay.Key{1}, Page: start.Add(end.Sub(start) / 2), History: time.Hour, Lead: 3 * time.Second,
	}
}

func run(t *testing.T, r *replay.Replay) *replay.Proof {
	t.Helper()
	proof, err := r.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return proof
}

func wantProof(t *testing.T, p *replay.Proof, m *memory) {
	t.Helper()
	if !p.OK() {
		t.Errorf("proof has a difference: %+v", p.Signals)
	}
	for i, n := range []int{len(m.samples), len(m.records), len(m.spans)} {
		if got := p.Signals[i].Stored; got != int64(n) {
			t.Errorf("%s: stored %d, want all %d of the recording", p.Signals[i].Signal, got, n)
		}
	}
}

func TestEverythingArrivesOnTimeAndInOrder(t *testing.T) {
	for seed := range uint64(5) {
		synctest.Test(t, func(t *testing.T) {
			m, b := incident(seed, 4*time.Minute), newBackends()
			o := options(m)
			r := mustNew(t, m, b.sinks(), o)
			wantProof(t, run(t, r), m)

			pageRecorded, pageWall := r.Timeline().Page()
			shift := pageWall.Sub(pageRecorded)
			if shift%time.Second != 0 {
				t.Errorf("seed %d: shift %v is not a whole number of seconds", seed, shift)
			}
			checkDelivery(t, b.samples, m.samples, sampleTime, shift, func(a, b replay.Sample) bool { return a.Series == b.Series })
			checkDelivery(t, b.records, m.records, recordTime, shift, func(a, b replay.Record) bool { return a.Stream.ID == b.Stream.ID })
			checkDelivery(t, b.spans, m.spans, spanTime, shift, func(a, b replay.Span) bool { return false })
			for i, s := range b.spans.items {
				want := m.spans[i].Span
				if got, want := s.Span.EndTimestamp()-s.Span.StartTimestamp(), want.EndTimestamp()-want.StartTimestamp(); got != want {
					t.Fatalf("seed %d: span %d lasts %d ns, want %d", seed, i, got, want)
				}
			}
		})
	}
}

// checkDelivery compares what a back end got with the recording: nothing early, nothing ahead of its
// clock, live items within two flush intervals, each stamp moved by the shift, order kept.
func checkDelivery[T replay.Item](t *testing.T, b *backend[T], recorded []T, at func(T) int64, shift time.Duration, same func(a, b T) bool) {
	t.Helper()
	got := slices.Clone(b.items)
	recordedOnly := got[:0]
	for i, it := range got {
		if s, ok := any(it).(replay.Sample); ok && value.IsStaleNaN(s.V) {
			continue // made by the engine; see TestSeriesEndStale
		}
		if early := at(it) - b.pushed[i].UnixNano(); early > 0 {
			t.Fatalf("item %d was pushed %v before the time it carries", i, time.Duration(early))
		}
		recordedOnly = append(recordedOnly, it)
	}
	if len(recordedOnly) != len(recorded) {
		t.Fatalf("got %d items, want %d", len(recordedOnly), len(recorded))
	}
	for i, it := range recordedOnly {
		if got, want := at(it), at(recorded[i])+int64(shift); got != want {
			t.Fatalf("item %d carries %d, want %d", i, got, want)
		}
		for j := i - 1; j >= 0 && j > i-50; j-- {
			if same(recordedOnly[j], it) && at(recordedOnly[j]) > at(it) {
				t.Fatalf("items %d and %d are out of order", j, i)
			}
		}
	}
}

func TestLateness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, b := incident(1, 2*time.Minute), newBackends()
		r := mustNew(t, m, b.sinks(), options(m))
		run(t, r)
		for name, s := range r.Status().Signals {
			if s.LatenessMax > 50*time.Millisecond || s.LatenessP99 > s.LatenessMax || name != replay.Metrics && s.LatenessMax == 0 {
				t.Errorf("%s: lateness p99 %v, max %v; want at most 50ms with an instant back end, and above 0 for what is gathered", name, s.LatenessP99, s.LatenessMax)
			}
		}
	})
}

func TestPauseChangesOnlyTheOffset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, b := incident(2, 4*time.Minute), newBackends()
		r := mustNew(t, m, b.sinks(), options(m))
		done := make(chan *replay.Proof)
		go func() { done <- run(t, r) }()
		time.Sleep(30*time.Second + 123*time.Millisecond) // fake time
		if err := r.Pause(); err != nil {
			t.Error(err)
		}
		paused := r.Status().Recorded
		time.Sleep(47 * time.Second)
		if got := r.Status(); !got.Paused || !got.Recorded.Equal(paused) {
			t.Errorf("after 47 s of pause the clock is at %v, paused=%v; want %v", got.Recorded, got.Paused, paused)
		}
		if err := r.Resume(); err != nil {
			t.Error(err)
		}
		wantProof(t, <-done, m)

		shifts := make(map[int64]int)
		var order []int64
		for i, rec := range b.records.items {
			d := rec.T - m.records[i].T
			if shifts[d]++; shifts[d] == 1 {
				order = append(order, d)
			}
			if m.records[i].T < paused.UnixNano() != (d == order[0]) {
				t.Errorf("record %d moved by %v on the wrong side of the pause", i, time.Duration(d))
			}
		}
		if len(order) != 2 || order[1]-order[0] != int64(47*time.Second) {
			t.Errorf("offsets %v: want two, 47 s apart", order)
		}
		starts := make(map[float64]bool)
		for _, s := range b.samples.items {
			if s.Series.Labels.Get("__name__") == "process_start_time_seconds" && !value.IsStaleNaN(s.V) {
				starts[s.V] = true
			}
		}
		if len(starts) != 1 {
			t.Errorf("the process start time has %d values, want one: a pause is not a restart", len(starts))
		}
	})
}

func TestSpeedTwoHalvesTheSpan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, b := incident(3, 4*time.Minute), newBackends()
		o := options(m)
		o.Speed = 2
		r := mustNew(t, m, b.sinks(), o)
		wantProof(t, run(t, r), m)
		_, page := r.Timeline().Page()
		if took := time.Since(page); took < time.Minute || took > time.Minute+time.Second {
			t.Errorf("two minutes after the page took %v at speed 2, want 1m", took)
		}
		for i, it := range b.records.items {
			if it.T > b.records.pushed[i].UnixNano() {
				t.Fatalf("record %d carries a time ahead of its push", i)
			}
		}
	})
}

func TestForEndsTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, b := incident(4, 4*time.Minute), newBackends()
		o := options(m)
		o.For = 30 * time.Second
		r := mustNew(t, m, b.sinks(), o)
		if p := run(t, r); !p.OK() {
			t.Errorf("proof: %+v", p.Signals)
		}
		pageRecorded, _ := r.Timeline().Page()
		want := 0
		for _, rec := range m.records {
			if rec.T < pageRecorded.Add(o.For).UnixNano() {
				want++
			}
		}
		if got := len(b.records.items); got != want || got == len(m.records) {
			t.Errorf("got %d of %d records in 30 s, want %d", got, len(m.records), want)
		}
	})
}

func TestHistoryAllLeavesNothingLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, b := incident(5, 4*time.Minute), newBackends()
		o := options(m)
		o.Page, o.Lead = m.end, 0
		begin := time.Now()
		p := run(t, mustNew(t, m, b.sinks(), o))
		wantProof(t, p, m)
		if took := time.Since(begin); took > time.Second {
			t.Errorf("loading took %v of wall time, want under a second", took)
		}
		if p.Signals[0].MadeStale != 0 {
			t.Errorf("%d stale markers after a bulk load, want none: the recording ends now", p.Signals[0].MadeStale)
		}
	})
}

func TestSeriesEndStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, b := incident(6, 4*time.Minute), newBackends()
		p := run(t, mustNew(t, m, b.sinks(), options(m)))
		last := make(map[uint32]float64)
		for _, s := range b.samples.items {
			last[s.Series.ID] = s.V
		}
		for id, v := range last {
			if !value.IsStaleNaN(v) {
				t.Errorf("series %d ends with %v, want a stale marker", id, v)
			}
		}
		if p.Signals[0].MadeStale != int64(len(last)) || len(last) == 0 {
			t.Errorf("proof counts %d made stale markers, want %d", p.Signals[0].MadeStale, len(last))
		}
	})
}

func TestTwoSessionsShareNoTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := incident(7, time.Minute)
		seen := make(map[string]int)
		for session := range 2 {
			b, o := newBackends(), options(m)
			o.Key = replay.Key{byte(session + 1)}
			run(t, mustNew(t, m, b.sinks(), o))
			own := make(map[string]bool)
			for _, s := range b.spans.items {
				own[s.Span.TraceID().String()] = true
			}
			for id := range own {
				seen[id]++
			}
			for _, rec := range b.records.items { // every link still works
				id := rec.Metadata[0].Value
				if !own[id] && !strings.Contains(string(rec.Line), "trace_id="+id) {
					t.Fatalf("line %q does not carry the remapped id %s", rec.Line, id)
				}
			}
		}
		if len(seen) != 2*len(m.spans) {
			t.Errorf("%d distinct trace ids in two sessions of %d traces", len(seen), len(m.spans))
		}
	})
}

func TestUnacknowledgedPushIsReadBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, b := incident(8, 2*time.Minute), newBackends()
		tries := 0
		b.records.fault = func(n int) (keep int, err error) {
			switch tries++; tries % 4 {
			case 1:
				return min(3, n), &replay.PushError{Retryable: true, Unacknowledged: true, Err: errors.New("connection reset")}
			case 2:
				return 0, &replay.PushError{Retryable: true, Status: "503", Words: "not ready", RetryAfter: 2 * time.Second}
			}
			return n, nil
		}
		p := run(t, mustNew(t, m, b.sinks(), options(m)))
		wantProof(t, p, m)
		for id, n := range b.records.ids {
			if n != 1 {
				t.Errorf("record %s is stored %d times", id, n)
			}
		}
	})
}

func TestFinalRefusalIsCountedAndShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, b := incident(9, time.Minute), newBackends()
		first := true
		b.records.fault = func(n int) (int, error) {
			if first {
				first = false
				return n - 2, &replay.PushError{Status: "400 Bad Request", Words: "line too long", Refused: 2}
			}
			return n, nil
		}
		var log bytes.Buffer
		o := options(m)
		o.Log = slog.New(slog.NewTextHandler(&log, nil))
		p := run(t, mustNew(t, m, b.sinks(), o))
		row := p.Signals[1]
		if p.OK() || row.Refused != 2 || row.Difference != -2 || row.Sent != row.Read-2 {
			t.Errorf("proof row %+v, want 2 refused", row)
		}
		if !strings.Contains(row.Refusal, "line too long") || !strings.Contains(log.String(), "line too long") {
			t.Errorf("the server's words are missing: refusal %q, log %q", row.Refusal, log.String())
		}
	})
}

func TestOneSinkDoesNotHoldUpTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, b := incident(10, 4*time.Minute), newBackends()
		r := mustNew(t, m, b.sinks(), options(m))
		_, page := r.Timeline().Page()
		down, up := page.Add(20*time.Second), page.Add(80*time.Second)
		b.spans.fault = func(n int) (int, error) {
			if now := time.Now(); now.After(down) && now.Before(up) {
				return 0, &replay.PushError{Retryable: true, Err: errors.New("connection refused")}
			}
			return n, nil
		}
		wantProof(t, run(t, r), m)
		st := r.Status().Signals
		if got := st[replay.Logs].LatenessMax; got > 50*time.Millisecond {
			t.Errorf("logs were up to %v late while the trace store was down", got)
		}
		if got := st[replay.Traces].LatenessMax; got < 30*time.Second {
			t.Errorf("traces were at most %v late, want the outage to show", got)
		}
	})
}

func TestUnreachableFromTheStartGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, b := incident(11, time.Minute), newBackends()
		b.samples.fault = func(int) (int, error) {
			return 0, &replay.PushError{Retryable: true, Err: errors.New("dial tcp 127.0.0.1:9: connection refused")}
		}
		_, err := mustNew(t, m, b.sinks(), options(m)).Run(t.Context())
		if err == nil || !strings.Contains(err.Error(), "push metrics: gave up after 30s") || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("error %v, want the cause and how long it was tried", err)
		}
	})
}

// A crash loses what was not yet written to the checkpoint; the resumed replay delivers every item exactly once.
func TestResumeAfterCrash(t *testing.T) {
	for _, after := range []time.Duration{0, 1500 * time.Millisecond, 40 * time.Second, 61*time.Second + 7*time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			m, b := incident(12, 4*time.Minute), newBackends()
			o := options(m)
			o.Checkpoint = filepath.Join(t.TempDir(), "s1.json")
			ctx, crash := context.WithCancel(t.Context())
			tries := 0
			b.records.fault = func(n int) (int, error) { // dies in the middle of a push that was stored
				if tries++; after == 0 && tries == 1 {
					crash()
					return n / 2, &replay.PushError{Retryable: true, Unacknowledged: true, Err: context.Canceled}
				}
				return n, nil
			}
			if after > 0 {
				time.AfterFunc(after, crash)
			}
			r := mustNew(t, m, b.sinks(), o)
			if _, err := r.Run(ctx); !errors.Is(err, context.Canceled) {
				t.Fatalf("run ended with %v, want the crash", err)
			}
			time.Sleep(5 * time.Second)
			cp, err := replay.LoadCheckpoint(o.Checkpoint)
			if err != nil {
				t.Fatal(err)
			}
			resumed := mustNew(t, m, b.sinks(), replay.Options{Resume: cp, Checkpoint: o.Checkpoint})
			wantProof(t, run(t, resumed), m)
			if id, key := resumed.Session(); id != "s1" || key != o.Key {
				t.Errorf("resumed as %q with another key", id)
			}
			for id, n := range b.records.ids {
				if n != 1 {
					t.Errorf("after %v: record %s is stored %d times", after, id, n)
				}
			}
			for i, rec := range b.records.items {
				if off := rec.T - m.records[i].T; off != b.records.items[0].T-m.records[0].T {
					t.Fatalf("after %v: record %d has another offset: a crash is not a pause", after, i)
				}
			}
			if cp, err = replay.LoadCheckpoint(o.Checkpoint); err != nil || !cp.Done {
				t.Errorf("checkpoint after the end: done=%v, %v", cp != nil && cp.Done, err)
			}
			if _, err := replay.New(m, b.sinks(), replay.Options{Resume: cp}); err == nil || !strings.Contains(err.Error(), "has ended") {
				t.Errorf("resuming an ended session: %v", err)
			}
		})
	}
}

func TestHistoryBeyondTheWindowIsRefused(t *testing.T) {
	m, b := incident(13, 4*time.Minute), newBackends()
	sinks := b.sinks()
	sinks.RecordsWindow = time.Minute
	_, err := replay.New(m, sinks, options(m))
	var we *replay.WindowError
	if !errors.As(err, &we) || we.Signal != replay.Logs || we.Age <= sinks.RecordsWindow {
		t.Errorf("error %v, want a WindowError for logs", err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	m, b := incident(14, time.Minute), newBackends()
	for _, c := range []struct {
		change func(*replay.Options)
		want   string
	}{
		{func(o *replay.Options) { o.Speed = 101 }, "speed 101 is not between"},
		{func(o *replay.Options) { o.Speed = math.Inf(1) }, "speed"},
		{func(o *replay.Options) { o.Page = m.end.Add(1) }, "outside the recording"},
		{func(o *replay.Options) { o.Speed = math.NaN() }, "speed NaN"},
		{func(o *replay.Options) { o.Speed = 1e-9 }, "speed 1e-09 is not between 0.01 and 100"},
		{func(o *replay.Options) { o.History = -1 }, "must not be negative"},
		{func(o *replay.Options) { o.Drain = -1 }, "must not be negative"},
	} {
		o := options(m)
		c.change(&o)
		if _, err := replay.New(m, b.sinks(), o); err == nil || !regexp.MustCompile(c.want).MatchString(err.Error()) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
	if _, err := replay.New(m, replay.Sinks{}, options(m)); err == nil {
		t.Error("no sinks: no error")
	}
}
