package runner_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"firedrill/internal/challenge"
	"firedrill/internal/grade"
	"firedrill/internal/runner"
	"firedrill/internal/source"
	"firedrill/internal/stack"
	"firedrill/internal/store"
	"firedrill/replay"
	"firedrill/replay/endpoint"
	"firedrill/replay/lokipush"
	"firedrill/replay/otlptrace"
	"firedrill/replay/rebase"
	"firedrill/replay/recording"
	"firedrill/replay/remotewrite"
	"firedrill/scenarios"
)

// history is how much a session of a test loads.
const history = time.Minute

var (
	facilitator = challenge.Call{Role: challenge.FacilitatorRole, Name: "fay"}
	ana         = challenge.Call{Role: challenge.PlayerRole, Name: "ana"}
)

// contest is a server's part that plays: what `firedrill serve` makes, without HTTP.
type contest struct {
	store   *store.Store
	service *challenge.Service
	pool    *source.Pool
	options runner.Options

	mu     sync.Mutex
	proofs map[string][]*replay.Proof
}

// openContest opens a contest on a database. The caller closes it.
func openContest(w *world, url string, log *slog.Logger) (*contest, error) {
	db, err := store.Open(context.Background(), url, log)
	if err != nil {
		return nil, err
	}
	lib, err := scenarios.Open(w.Scenarios)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	c := &contest{
		store: db, proofs: map[string][]*replay.Proof{},
		service: challenge.New(challenge.Options{
			Store: db, Library: lib, Grader: grade.New(lib), Log: log, Rules: challenge.Rules{Lockout: time.Second, Penalty: time.Minute},
		}),
		pool: source.New(source.Options{Library: lib, Builder: w.builder()}),
	}
	c.options = runner.Options{
		Contest: c.service, Locks: db, Sources: c.pool, History: history, Loads: 4, Log: log,
		Sinks:   func(session string) (replay.Sinks, func(), error) { return sinksTo(w.URLs, session) },
		OnProof: c.onProof,
	}
	return c, nil
}

func (c *contest) close() error {
	c.service.Close()
	c.pool.Close()
	return c.store.Close()
}

func (c *contest) onProof(session string, p *replay.Proof) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.proofs[session] = append(c.proofs[session], p)
}

func (c *contest) proofsOf(session string) []*replay.Proof {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.proofs[session]
}

// newContest opens a contest on a database of its own, or on the one that a URL names, for the length of a test.
func newContest(t *testing.T, w *world, url string) *contest {
	t.Helper()
	if url == "" {
		url = "sqlite:" + filepath.Join(t.TempDir(), "contest.db")
	}
	c, err := openContest(w, url, slog.New(slog.NewTextHandler(t.Output(), nil)))
	check(t, err)
	t.Cleanup(func() {
		if err := c.close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// play runs a Runner of a contest until stop is called, or the test ends.
func (c *contest) play(t *testing.T, set ...func(*runner.Runner)) (r *runner.Runner, stop func()) {
	t.Helper()
	r, err := runner.New(c.options)
	check(t, err)
	for _, f := range set {
		f(r)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); r.Run(ctx) }()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return r, stop
}

// create makes a session for which a facilitator has to do nothing more, and starts it unless its page is planned.
func (c *contest) create(t *testing.T, n challenge.NewSession) challenge.Session {
	t.Helper()
	if n.Mode == "" {
		n.Mode = challenge.Together
	}
	if n.Scenario == "" {
		n.Scenario = scenario
	}
	s, err := c.service.CreateSession(t.Context(), facilitator, n)
	check(t, err)
	if n.PageAt.IsZero() {
		s, err = c.service.Start(t.Context(), facilitator, s.ID)
		check(t, err)
	}
	return s
}

func (c *contest) session(t *testing.T, id string) challenge.Session {
	t.Helper()
	s, err := c.service.Session(t.Context(), facilitator, id)
	check(t, err)
	return s
}

// box sets the time box of a session, which may be shorter than anybody could ask for.
func (c *contest) box(t *testing.T, id string, d time.Duration) {
	t.Helper()
	check(t, c.store.Update(t.Context(), func(tx challenge.Tx) error {
		s, err := tx.Session(id)
		if err != nil {
			return err
		}
		s.Timebox = d
		return tx.UpdateSession(s)
	}))
}

// reaches waits for a state of a session.
func (c *contest) reaches(t *testing.T, id string, state challenge.State) challenge.Session {
	t.Helper()
	var s challenge.Session
	until(t, fmt.Sprintf("session %s is %s", id, state), func() bool {
		s = c.session(t, id)
		if s.Failure != "" && state != challenge.Ended {
			t.Fatalf("failed: %s", s.Failure)
		}
		return s.State == state
	})
	return s
}

func (c *contest) checkpoint(t *testing.T, id string) *replay.Checkpoint {
	t.Helper()
	b, err := c.service.Checkpoint(t.Context(), id)
	check(t, err)
	cp, err := replay.ParseCheckpoint(b)
	check(t, err)
	return cp
}

// finished waits until a session's evidence has ended, and returns its checkpoint.
func (c *contest) finished(t *testing.T, id string) *replay.Checkpoint {
	t.Helper()
	var cp *replay.Checkpoint
	until(t, "the evidence of "+id+" has ended", func() bool { cp = c.checkpoint(t, id); return cp.Done })
	return cp
}

// wantWhole reads back what the back ends hold of a session that is over, and compares it with the recording, item by item due
// before the end; nothing may be later than that, and that not later than the session's end by more than a moment.
func (c *contest) wantWhole(t *testing.T, w *world, id string) {
	t.Helper()
	ctx := t.Context()
	s, cp := c.session(t, id), c.finished(t, id)
	src, err := c.pool.Open(ctx, s.Scenario, s.Difficulty)
	check(t, err)
	end := time.Unix(0, *cp.Stopped)
	from := time.Unix(0, cp.From)
	endWall := time.Unix(0, cp.Timeline().Wall(end.UnixNano()))
	if late := endWall.Sub(s.EndedAt); late > time.Second { // it goes on until somebody looks
		t.Errorf("the evidence ends %v after the session", late)
	}
	var want [3]int64
	samples, err := src.Samples(from, end)
	want[0] = count(t, samples, err, nil)
	records, err := src.Records(from, end)
	want[1] = count(t, records, err, nil)
	var ids []pcommon.TraceID
	remap := rebase.NewIDs(cp.Key)
	spans, err := src.Spans(from, end)
	want[2] = count(t, spans, err, func(s replay.Span) { ids = append(ids, remap.Trace(s.Span.TraceID())) })

	sinks, closeAll, err := sinksTo(w.URLs, id)
	check(t, err)
	defer closeAll()
	began := time.Unix(0, cp.Timeline().Wall(cp.From)).Add(-time.Minute)
	got, err := sinks.Samples.(replay.Counter).Stored(ctx, began, time.Now().Add(time.Minute))
	check(t, err)
	if got.Items-got.StaleMarkers > want[0] || got.Items < want[0]+1 || got.StaleMarkers == 0 {
		t.Errorf("%d samples and %d markers are stored, want %d and those that end the series", got.Items, got.StaleMarkers, want[0])
	}
	if late, err := sinks.Samples.(replay.Counter).Stored(ctx, endWall.Add(2*time.Millisecond), time.Now().Add(time.Minute)); err != nil || late.Items != 0 {
		t.Errorf("%d samples are later than the end, %v", late.Items, err)
	}
	got, err = sinks.Records.(replay.Counter).Stored(ctx, began, time.Now().Add(time.Minute))
	check(t, err)
	if late, err := sinks.Records.(replay.Counter).Stored(ctx, endWall.Add(time.Millisecond), time.Now().Add(time.Minute)); err != nil || late.Items != 0 {
		t.Errorf("%d lines are later than the end, %v", late.Items, err)
	}
	if got.Items != want[1] {
		t.Errorf("%d lines are stored, want %d", got.Items, want[1])
	}
	got, err = sinks.Spans.(replay.TraceCounter).StoredTraces(ctx, ids)
	check(t, err)
	if got.Items != want[2] {
		t.Errorf("%d spans are stored, want %d", got.Items, want[2])
	}
	if min(want[0], want[1], want[2]) < 100 {
		t.Errorf("the session has only %v items", want)
	}
}

func count[T replay.Item](t *testing.T, r replay.Reader[T], err error, each func(T)) (n int64) {
	t.Helper()
	check(t, err)
	defer r.Close()
	buf := make([]T, 1000)
	for {
		k, err := r.Read(buf)
		n += int64(k)
		for _, v := range buf[:k] {
			if each != nil {
				each(v)
			}
		}
		if err == io.EOF {
			return n
		}
		check(t, err)
	}
}

// wantProofs checks that the proof of the history and the one of the end are good, and that there are no others.
func wantProofs(t *testing.T, proofs []*replay.Proof, n int) {
	t.Helper()
	if len(proofs) != n {
		t.Errorf("%d proofs, want %d", len(proofs), n)
	}
	for _, p := range proofs {
		if !p.OK() {
			t.Errorf("proof: %+v", p.Signals)
		}
	}
}

// sinksTo makes the sinks of a session, as `firedrill serve` does.
func sinksTo(u stack.URLs, session string) (sinks replay.Sinks, closeAll func(), err error) {
	rw, err1 := remotewrite.New(remotewrite.Options{
		Endpoint: endpoint.Config{URL: u.Prometheus}, Labels: []labels.Label{{Name: recording.SessionLabel, Value: session}},
	})
	loki, err2 := lokipush.New(lokipush.Options{Endpoint: endpoint.Config{URL: u.Loki}, Tenant: session})
	otlp, err3 := otlptrace.New(otlptrace.Options{
		Endpoint: endpoint.Config{URL: "http://" + u.OTLPGRPC}, Protocol: otlptrace.GRPC, Query: endpoint.Config{URL: u.Jaeger},
		ResourceAttributes: map[string]string{"firedrill.session": session},
	})
	if err := errors.Join(err1, err2, err3); err != nil {
		return replay.Sinks{}, nil, err
	}
	return replay.Sinks{Samples: rw, Records: loki, Spans: otlp}, func() { rw.Close(); loki.Close(); otlp.Close() }, nil
}

// until waits for something, with a deadline that only a broken program or machine misses.
func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(90 * time.Second); !f(); {
		if time.Now().After(deadline) {
			t.Fatalf("after 90 s it is still not so that %s", what)
		}
		<-tick.C
	}
}

// passes waits until a moment is over.
func passes(t *testing.T, at time.Time) {
	t.Helper()
	until(t, "it is "+at.String(), func() bool { return time.Now().After(at) })
}

func check(tb testing.TB, err error) {
	if err != nil {
		tb.Helper()
		tb.Fatal(err)
	}
}
