package e2e_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"

	"firedrill/internal/challenge"
	"firedrill/internal/grade"
	"firedrill/internal/runner"
	"firedrill/internal/source"
	"firedrill/internal/stack"
	"firedrill/internal/stack/stacktest"
	"firedrill/internal/store"
	"firedrill/replay"
	"firedrill/replay/endpoint"
	"firedrill/replay/lokipush"
	"firedrill/replay/otlptrace"
	"firedrill/replay/recording"
	"firedrill/replay/remotewrite"
	"firedrill/scenarios"
	"firedrill/scenarios/sim"
)

var (
	sessionCount   = flag.Int("sessions", 100, "sessions of BenchmarkSessions")
	sessionLive    = flag.Duration("sessions.live", 5*time.Minute, "how long they run once all of them are live")
	sessionHistory = flag.Duration("sessions.history", time.Minute, "history that each of them loads")
)

// BenchmarkSessions plays many sessions of payment-latency at once, as firedrill serve does, into real back ends, and prints
// how late their items were, whether any was lost, and what memory and CPU all of it took. A difference between what was
// read and what is stored, in any session, fails it:
// go test -run '^$' -bench Sessions -benchtime 1x -timeout 60m ./internal/e2e [-sessions 100] [-sessions.live 5m]
func BenchmarkSessions(b *testing.B) {
	for b.Loop() {
		l := newLoad(b, *sessionCount)
		l.mark("load")
		l.start()
		l.untilLive()
		l.mark("live")
		l.stay(*sessionLive)
		l.mark("end")
		l.end()
		l.mark("")
		l.report()
	}
}

// load is a number of sessions that are played at once.
type load struct {
	b       *testing.B
	stack   *stack.Stack
	service *challenge.Service
	runner  *runner.Runner
	metrics *prometheus.Registry
	ids     []string
	proofs  chan sessionProof

	marks  []mark
	memory map[string]int           // most so far, by process, in KiB
	status map[string]replay.Status // last seen, by session
}

type sessionProof struct {
	session string
	proof   *replay.Proof
}

var facilitator = challenge.Call{Role: challenge.FacilitatorRole, Name: "bench"}

func newLoad(b *testing.B, sessions int) *load {
	l := &load{b: b, metrics: prometheus.NewRegistry(), proofs: make(chan sessionProof, 2*sessions),
		memory: map[string]int{}, status: map[string]replay.Status{}}
	check := func(err error) {
		if err != nil {
			b.Helper()
			b.Fatal(err)
		}
	}
	l.stack = stacktest.Start(b)
	library, err := scenarios.Open("")
	check(err)
	cache, err := os.UserCacheDir()
	check(err)
	pool := source.New(source.Options{Library: library, Builder: &scenarios.Builder{
		Cache: filepath.Join(cache, "firedrill", "recordings"), CreatedBy: "firedrill", Version: sim.Version,
		Simulate: func(ctx context.Context, run scenarios.Simulation, w *recording.Writer) error {
			return sim.Build(ctx, run.System, run.Faults, sim.Options{Seed: run.Seed, Start: run.Start, Length: run.Length, Progress: run.Progress}, w)
		},
	}})
	b.Cleanup(pool.Close)
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	db, err := store.Open(b.Context(), filepath.Join(b.TempDir(), "firedrill.db"), log)
	check(err)
	b.Cleanup(func() { db.Close() })
	l.service = challenge.New(challenge.Options{Store: db, Library: library, Grader: grade.New(library), Log: log})
	b.Cleanup(l.service.Close)
	l.runner, err = runner.New(runner.Options{
		Contest: l.service, Locks: db, Sources: pool, History: *sessionHistory, Log: log, Registerer: l.metrics,
		Sinks:   func(session string) (replay.Sinks, func(), error) { return openSinks(l.stack.URLs(), session) },
		OnProof: func(session string, p *replay.Proof) { l.proofs <- sessionProof{session, p} },
	})
	check(err)
	_, err = pool.Open(b.Context(), "payment-latency", "") // so that making the recording is not measured
	check(err)
	for range sessions {
		s, err := l.service.CreateSession(b.Context(), facilitator, challenge.NewSession{Scenario: "payment-latency", Mode: challenge.Together})
		check(err)
		l.ids = append(l.ids, s.ID)
	}
	return l
}

// openSinks is what firedrill serve does for each session.
func openSinks(u stack.URLs, session string) (replay.Sinks, func(), error) {
	rw, err := remotewrite.New(remotewrite.Options{Endpoint: endpoint.Config{URL: u.Prometheus},
		Labels: []labels.Label{{Name: recording.SessionLabel, Value: session}}})
	if err != nil {
		return replay.Sinks{}, nil, err
	}
	loki, err := lokipush.New(lokipush.Options{Endpoint: endpoint.Config{URL: u.Loki}, Tenant: session})
	if err != nil {
		return replay.Sinks{}, nil, err
	}
	otlp, err := otlptrace.New(otlptrace.Options{Endpoint: endpoint.Config{URL: "http://" + u.OTLPGRPC}, Query: endpoint.Config{URL: u.Jaeger},
		ResourceAttributes: map[string]string{"firedrill.session": session}})
	if err != nil {
		return replay.Sinks{}, nil, err
	}
	sinks := replay.Sinks{Samples: rw, Records: loki, Spans: otlp, SamplesWindow: stack.Window, RecordsWindow: stack.Window}
	return sinks, func() { rw.Close(); loki.Close(); otlp.Close() }, nil
}

// start starts all sessions, which a runner plays until the benchmark is over.
func (l *load) start() {
	ctx, cancel := context.WithCancel(l.b.Context())
	var running sync.WaitGroup
	l.b.Cleanup(running.Wait)
	l.b.Cleanup(cancel)
	running.Go(func() { l.runner.Run(ctx) })
	for _, id := range l.ids {
		if _, err := l.service.Start(ctx, facilitator, id); err != nil {
			l.b.Fatal(err)
		}
	}
}

// untilLive waits until all sessions have loaded their history and deliver live.
func (l *load) untilLive() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for shown := time.Now(); ; <-tick.C {
		l.look()
		n := 0
		for _, st := range l.status {
			if st.Phase == replay.PhaseLive {
				n++
			}
		}
		if n == len(l.ids) {
			return
		}
		if time.Since(shown) < 15*time.Second {
			continue
		}
		shown = time.Now()
		fmt.Fprintf(os.Stderr, "%d of %d sessions are live\n", n, len(l.ids))
		for _, id := range l.ids {
			if s, err := l.service.Session(l.b.Context(), facilitator, id); err != nil || s.State.Over() {
				l.b.Fatalf("session %s is over (%s, %v)", id, s.Failure, err)
			}
		}
	}
}

// stay lets the sessions run.
func (l *load) stay(d time.Duration) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for end := time.Now().Add(d); time.Now().Before(end); <-tick.C {
		l.look()
	}
}

// look notes how the sessions stand, and what memory is used now.
func (l *load) look() {
	for _, id := range l.ids {
		if st, ok := l.runner.Status(id); ok {
			l.status[id] = st
		}
	}
	for name, pid := range l.pids() {
		l.memory[name] = max(l.memory[name], residentMemory(l.b, pid))
	}
}

// end ends all sessions at once, and waits for their proofs; one that does not hold is fatal.
func (l *load) end() {
	for _, id := range l.ids {
		if _, err := l.service.End(l.b.Context(), facilitator, id); err != nil {
			l.b.Fatal(err)
		}
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	bad := 0
	for n := 0; n < 2*len(l.ids); {
		select {
		case p := <-l.proofs:
			n++
			if !p.proof.OK() {
				bad++
				l.b.Errorf("session %s: %+v", p.session, p.proof.Signals)
			}
		case <-tick.C:
			l.look()
		}
	}
	if bad > 0 {
		l.b.Fatalf("%d of %d proofs do not hold", bad, 2*len(l.ids))
	}
}

// pids are the processes that are measured.
func (l *load) pids() map[string]int {
	pids := map[string]int{"firedrill": os.Getpid()}
	for _, name := range stack.Names {
		pids[name] = l.stack.PID(name)
	}
	return pids
}

// mark is what was counted up to a time, at which a stage begins.
type mark struct {
	stage string
	at    time.Time
	cpu   map[string]time.Duration // of all cores, by process
	late  map[replay.Signal]histogram
}

func (l *load) mark(stage string) {
	m := mark{stage, time.Now(), map[string]time.Duration{}, l.lateness()}
	for name, pid := range l.pids() {
		m.cpu[name] = processTime(l.b, pid)
	}
	l.marks = append(l.marks, m)
}

// report prints what was seen.
func (l *load) report() {
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%d sessions\ttime\tlate: samples\tlines\tspans\tcores: firedrill\tprometheus\tloki\tjaeger\n", len(l.ids))
	for i, m := range l.marks[:len(l.marks)-1] {
		next := l.marks[i+1]
		took := next.at.Sub(m.at)
		fmt.Fprintf(w, "%s\t%s", m.stage, took.Round(time.Second))
		for _, signal := range signals {
			p99 := next.late[signal].since(m.late[signal]).quantile(0.99)
			fmt.Fprintf(w, "\t%.0f ms", 1000*p99)
			if m.stage == "live" {
				l.b.ReportMetric(1000*p99, string(signal)+"-p99-ms")
			}
		}
		for _, name := range processes {
			cores := (next.cpu[name] - m.cpu[name]).Seconds() / took.Seconds()
			fmt.Fprintf(w, "\t%.2f", cores)
			if m.stage == "live" {
				l.b.ReportMetric(cores, name+"-cores")
			}
		}
		fmt.Fprintln(w)
	}
	fmt.Fprint(w, "worst session\t")
	for _, signal := range signals {
		var worst time.Duration
		for _, st := range l.status {
			worst = max(worst, st.Signals[signal].LatenessP99)
		}
		fmt.Fprintf(w, "\t%d ms", worst.Milliseconds())
	}
	fmt.Fprint(w, "\nitems\t")
	for _, signal := range signals {
		var sum int64
		for _, st := range l.status {
			sum += st.Signals[signal].Sent
		}
		fmt.Fprintf(w, "\t%d", sum)
	}
	fmt.Fprint(w, "\nmemory, most\t\t\t\t")
	for _, name := range processes {
		fmt.Fprintf(w, "\t%d MiB", l.memory[name]>>10)
		l.b.ReportMetric(float64(l.memory[name]>>10), name+"-MiB")
	}
	fmt.Fprintln(w)
	w.Flush()
	l.b.Log("99th percentiles of lateness; every proof holds\n" + out.String())
}

// The order in which signals and processes are reported.
var (
	signals   = []replay.Signal{replay.Metrics, replay.Logs, replay.Traces}
	processes = append([]string{"firedrill"}, stack.Names...)
)

// processTime is the user and system time of a process (proc(5), /proc/PID/stat, fields 14 and 15, in ticks of 10 ms).
func processTime(tb testing.TB, pid int) time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		tb.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest) // from the third on
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	if err1 != nil || err2 != nil {
		tb.Fatalf("/proc/%d/stat: %s", pid, stat)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}

// residentMemory of a process, in KiB.
func residentMemory(tb testing.TB, pid int) (kib int) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		tb.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if n, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			fmt.Sscanf(n, "%d", &kib)
		}
	}
	return kib
}

// histogram counts durations by their upper bound in seconds.
type histogram map[float64]float64

// lateness reads the engine's histograms, which all sessions share, by signal.
func (l *load) lateness() map[replay.Signal]histogram {
	families, err := l.metrics.Gather()
	if err != nil {
		l.b.Fatal(err)
	}
	all := map[replay.Signal]histogram{}
	for _, f := range families {
		if f.GetName() != "firedrill_replay_lateness_seconds" {
			continue
		}
		for _, m := range f.GetMetric() {
			h := histogram{}
			for _, label := range m.GetLabel() {
				if label.GetName() == "signal" {
					all[replay.Signal(label.GetValue())] = h
				}
			}
			// Prometheus' native histograms: bucket i ends at 2^(i/2^schema), and counts are deltas of the one before.
			n := m.GetHistogram()
			index, count, delta := int32(0), int64(0), 0
			for _, span := range n.GetPositiveSpan() {
				index += span.GetOffset()
				for range span.GetLength() {
					count += n.GetPositiveDelta()[delta]
					delta++
					h[math.Exp2(math.Ldexp(float64(index), -int(n.GetSchema())))] = float64(count)
					index++
				}
			}
		}
	}
	return all
}

// since returns what was counted since an earlier time.
func (h histogram) since(before histogram) histogram {
	out := histogram{}
	for bound, n := range h {
		if n -= before[bound]; n > 0 {
			out[bound] = n
		}
	}
	return out
}

// quantile returns the upper bound, in seconds, of the bucket that holds the q-quantile, 0 when there is nothing.
func (h histogram) quantile(q float64) float64 {
	var rank float64
	for _, n := range h {
		rank += q * n
	}
	for _, bound := range slices.Sorted(maps.Keys(h)) {
		if rank -= h[bound]; rank <= 0 {
			return bound
		}
	}
	return 0
}
