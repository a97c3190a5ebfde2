package scenarios_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"firedrill/internal/dirlock"
	"firedrill/replay/recording"
	"firedrill/scenarios"
)

const system = `version: 1
namespace: shop
cluster: prod
nodes: [{name: node-a, zone: a, cores: 4, memory: 16Gi}]
services:
  - name: web
    version: 1.0.0
    replicas: 1
    cpu: {request: 500m}
    memory: {request: 64Mi, base: 32Mi}
    dependencies: [{service: db, timeout: 1s}]
    operations: [{name: GET /, steps: [{call: {service: db, operation: SELECT pages}}]}]
  - name: db
    kind: database
    version: "15.4"
    replicas: 1
    cpu: {request: 1}
    memory: {request: 1Gi, base: 500Mi}
    operations: [{name: SELECT pages, steps: [{work: {time: exp(3ms)}}]}]
clients: [{name: users, service: web, rate: 2, mix: [{operation: GET /, weight: 1}]}]
events: [{at: 4m, kind: config, service: db, set: [{service: db, parameter: workers, to: "8"}]}]
`

// simulated makes a folder called lab of a scenario with a system and a key.
func simulated(tb testing.TB, system, answer string) *scenarios.Scenario {
	tb.Helper()
	s := writeAll(tb, full, answer)
	put(tb, filepath.Join(s.Dir(), scenarios.SystemFile), system)
	return s
}

func put(tb testing.TB, file, text string) {
	tb.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		tb.Fatal(err)
	}
}

// builder counts its simulations; each writes one sample, line and span.
func builder(tb testing.TB) (b *scenarios.Builder, runs *atomic.Int32) {
	runs = &atomic.Int32{}
	return &scenarios.Builder{Cache: tb.TempDir(), Version: 1, Simulate: func(_ context.Context, run scenarios.Simulation, w *recording.Writer) error {
		runs.Add(1)
		if run.Progress != nil {
			run.Progress(run.Length, run.Length)
		}
		return emit(w, run.Start, "served")
	}}, runs
}

// emit writes one item of each signal.
func emit(w *recording.Writer, at time.Time, text string) error {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "web")
	span := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetTraceID(pcommon.TraceID{1})
	span.SetSpanID(pcommon.SpanID{2})
	span.SetName("GET /")
	span.Events().AppendEmpty().Attributes().PutStr("exception.message", text)
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(at))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(at.Add(time.Second)))
	return errors.Join(w.Sample(labels.FromStrings("__name__", "up", "note", text), at.UnixMilli(), 1),
		w.Record(labels.FromStrings("service_name", "web"), at.UnixNano(), text, nil), w.Spans(td))
}

func mustRecord(tb testing.TB, b *scenarios.Builder, s *scenarios.Scenario) string {
	tb.Helper()
	dir, err := b.Recording(tb.Context(), s, nil)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "manifest.json")); err != nil {
		tb.Fatal(err)
	}
	return dir
}

// TestRecordingCached checks what is built again and what is not.
func TestRecordingCached(t *testing.T) {
	b, runs := builder(t)
	s := simulated(t, system, key)
	first := mustRecord(t, b, s)
	for _, c := range []struct {
		name          string
		edit          func(*testing.T)
		again, differ bool
	}{
		{"nothing", func(*testing.T) {}, false, false},
		{"a comment", func(t *testing.T) { put(t, filepath.Join(s.Dir(), scenarios.SystemFile), "# a shop\n"+system) }, false, false},
		{"the explanation", func(t *testing.T) {
			put(t, filepath.Join(s.Dir(), scenarios.AnswerFile), strings.Replace(key, "The platter", "A platter", 1))
		}, false, false},
		{"a fault", func(t *testing.T) {
			put(t, filepath.Join(s.Dir(), scenarios.AnswerFile), strings.Replace(key, "times: 5", "times: 6", 1))
		}, true, true},
		{"the system", func(t *testing.T) {
			put(t, filepath.Join(s.Dir(), scenarios.SystemFile), strings.Replace(system, "rate: 2", "rate: 3", 1))
		}, true, true},
		{"the seed", func(*testing.T) { s.Seed++ }, true, true},
		{"the simulator", func(*testing.T) { b.Version++ }, true, true},
	} {
		before := runs.Load()
		c.edit(t)
		dir := mustRecord(t, b, s)
		if again := runs.Load() > before; again != c.again || (dir != first) != c.differ {
			t.Errorf("%s changed: built again %t, other folder %t; want %t, %t", c.name, again, dir != first, c.again, c.differ)
		}
	}
}

// TestRecordingConcurrent checks that several that want the same recording build it once.
func TestRecordingConcurrent(t *testing.T) {
	b, runs := builder(t)
	s := simulated(t, system, key)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if _, err := b.Recording(t.Context(), s, nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := runs.Load(); got != 1 {
		t.Errorf("built %d times, want once", got)
	}
}

// TestRecordingWaitEnds checks that waiting for another process ends with the context.
func TestRecordingWaitEnds(t *testing.T) {
	b, _ := builder(t)
	s := simulated(t, system, key)
	home := filepath.Join(b.Cache, s.ID)
	if err := os.MkdirAll(home, 0o755); err != nil {
		t.Fatal(err)
	}
	unlock, err := dirlock.Lock(home)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Recording(ctx, s, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

// TestRecordingTidies checks that what was not used for long is removed, and nothing else.
func TestRecordingTidies(t *testing.T) {
	b, _ := builder(t)
	s := simulated(t, system, key)
	old := mustRecord(t, b, s)
	s.Seed++
	recent := mustRecord(t, b, s)
	long := time.Now().Add(-48 * time.Hour)
	for _, dir := range []string{old, recent} {
		if err := os.Chtimes(dir, long, long); err != nil {
			t.Fatal(err)
		}
	}
	mustRecord(t, b, s) // uses recent
	if _, err := os.Stat(old); err == nil {
		t.Error("the old recording is still there")
	}
	if _, err := os.Stat(recent); err != nil {
		t.Error(err)
	}
}

// TestRecordingErrors checks that a failed build leaves nothing and that faults that do not fit are not quoted.
func TestRecordingErrors(t *testing.T) {
	b, _ := builder(t)
	s := simulated(t, system, strings.Replace(key, "work.time", "platter.speed", 1))
	_, err := b.Recording(t.Context(), s, nil)
	var faults *scenarios.FaultsError
	if !errors.As(err, &faults) || faults.Detail == nil || strings.Contains(err.Error(), "platter") {
		t.Errorf("got %v, want a FaultsError that quotes nothing", err)
	}
	boom := errors.New("boom")
	b.Simulate = func(context.Context, scenarios.Simulation, *recording.Writer) error { return boom }
	s = simulated(t, system, key)
	if _, err := b.Recording(t.Context(), s, nil); !errors.Is(err, boom) {
		t.Errorf("got %v, want %v", err, boom)
	}
	entries, err := os.ReadDir(filepath.Join(b.Cache, s.ID))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			t.Errorf("%s is left", e.Name())
		}
	}
}

// TestLoadSystem checks the system against the scenario.
// TestFaultTooLate: a fault after the end of the recording is one that nobody sees.
func TestFaultTooLate(t *testing.T) {
	b := &scenarios.Builder{Cache: t.TempDir()}
	s := simulated(t, system, strings.Replace(key, "  - at: 8m\n", "  - at: 20m\n", 1))
	_, err := b.Recording(t.Context(), s, nil)
	var faults *scenarios.FaultsError
	if !errors.As(err, &faults) || !strings.HasPrefix(faults.Detail.Error(), "fault 1: at 20m0s, which is after the end of the recording, 20m") {
		t.Errorf("got %v, want a FaultsError about fault 1", err)
	}
}

func TestLoadSystem(t *testing.T) {
	if _, err := scenarios.LoadSystem(simulated(t, system, key)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]fault{
		"other catalogue":   {"name: db\n", "name: store\n", "service store is not in the catalogue (services) of scenario.yaml"},
		"event too late":    {"at: 4m", "at: 20m", "the config of db at 20m0s comes after the end of the recording, 20m"},
		"change not logged": {"at: 4m", "at: 6m", "the config of db at 6m0s is not in the change log (changes) of scenario.yaml within 1m0s"},
	} {
		t.Run(name, func(t *testing.T) {
			text := c.apply(t, system)
			if name == "other catalogue" {
				text = strings.ReplaceAll(text, "service: db", "service: store")
			}
			if _, err := scenarios.LoadSystem(simulated(t, text, key)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

// openBuilt builds a scenario with a simulation of the test's own.
func openBuilt(tb testing.TB, s *scenarios.Scenario, simulate func(scenarios.Simulation, *recording.Writer) error) *recording.Recording {
	tb.Helper()
	b := &scenarios.Builder{Cache: tb.TempDir(), Simulate: func(_ context.Context, run scenarios.Simulation, w *recording.Writer) error {
		return simulate(run, w)
	}}
	rec, err := recording.Open(mustRecord(tb, b, s))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { rec.Close() })
	return rec
}

// TestRates checks averages and peaks against the budget.
func TestRates(t *testing.T) {
	s := simulated(t, system, key)
	// 20 min with one line a second, and 90 more a second in the first three minutes.
	rec := openBuilt(t, s, func(run scenarios.Simulation, w *recording.Writer) error {
		err := emit(w, run.Start, "served")
		for at := time.Duration(0); at < run.Length; at += time.Second {
			n := 1
			if at < 3*time.Minute {
				n += 90
			}
			for i := range n {
				err = errors.Join(err, w.Record(labels.FromStrings("n", string(rune('a'+i%26))), run.Start.Add(at).UnixNano()+int64(i), "x", nil))
			}
		}
		return err
	})
	rates, err := scenarios.Rates(rec)
	if err != nil {
		t.Fatal(err)
	}
	logs := rates[1]
	if want := (1200.0 + 180*90 + 1) / 1199; logs.Average < want*0.999 || logs.Average > want*1.001 {
		t.Errorf("average %f lines/s, want %f", logs.Average, want)
	}
	if want := (300.0 + 180*90 + 1) / 300; logs.Peak != want {
		t.Errorf("peak %f lines/s, want %f", logs.Peak, want)
	}
	for _, c := range []struct {
		average, peak float64
		ok            bool
	}{{60, 120, true}, {60.1, 70, false}, {50, 120.1, false}} {
		if r := (scenarios.Rate{Average: c.average, Peak: c.peak, Allowed: 60}); r.OK() != c.ok {
			t.Errorf("%+v is within budget: %t, want %t", r, r.OK(), c.ok)
		}
	}
	if rates[0].Allowed != 200 {
		t.Errorf("%f samples/s are allowed, want 200", rates[0].Allowed)
	}
}

// TestLeaks checks that each kind of place is looked through.
func TestLeaks(t *testing.T) {
	quiet := func(run scenarios.Simulation, w *recording.Writer) error { return emit(w, run.Start, "served") }
	for name, c := range map[string]struct {
		text   string // in the telemetry
		prep   func(s *scenarios.Scenario)
		shown  map[string]string
		places []string
	}{
		"nothing":   {text: "served"},
		"telemetry": {text: "a Worn\tplatter!", places: []string{"the recording's metrics", "the recording's log lines", "the recording's spans"}},
		"shown":     {text: "served", shown: map[string]string{"scenario show": "the worn  platter"}, places: []string{"scenario show"}},
		"comment": {text: "served", prep: func(s *scenarios.Scenario) {
			put(t, filepath.Join(s.Dir(), scenarios.SystemFile), system+"# worn platter\n")
		}, places: []string{"lab/system.yaml"}},
		"name of a file":  {text: "served", prep: func(s *scenarios.Scenario) { put(t, filepath.Join(s.Dir(), "worn platter.md"), "") }, places: []string{"the name of"}},
		"another's notes": {text: "served", prep: func(s *scenarios.Scenario) { put(t, filepath.Join(s.Dir(), "notes.md"), "WORN PLATTER") }, places: []string{"lab/notes.md"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := simulated(t, system, key)
			simulate := quiet
			if c.text != "served" {
				simulate = func(run scenarios.Simulation, w *recording.Writer) error { return emit(w, run.Start, c.text) }
			}
			if c.prep != nil {
				c.prep(s)
			}
			rec := openBuilt(t, s, simulate)
			a, err := scenarios.LoadAnswer(s)
			if err != nil {
				t.Fatal(err)
			}
			leaks, err := scenarios.Leaks(a, s, c.shown, rec)
			if err != nil {
				t.Fatal(err)
			}
			if len(leaks) != len(c.places) {
				t.Fatalf("got %v, want %q", leaks, c.places)
			}
			for i, l := range leaks {
				if !strings.Contains(l.Place, c.places[i]) || l.Phrase != 0 || strings.Contains(strings.ToLower(l.String()), "worn") {
					t.Errorf("got %s, want %s", l, c.places[i])
				}
			}
		})
	}
}

// TestCatalogue holds the scenarios of the program to what the catalogue promises: at least three decoys each,
// and no phrase of a key in what Grafana is given.
func TestCatalogue(t *testing.T) {
	lib, err := scenarios.Open("")
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range lib.IDs() {
		s, err := lib.Load(id)
		if err != nil {
			t.Fatal(err)
		}
		if s.System == "" {
			continue
		}
		a, err := scenarios.LoadAnswer(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := scenarios.CheckComplete(s, a); err != nil {
			t.Error(err)
		}
		if len(a.Decoys) < 3 {
			t.Errorf("%s has %d decoys, want at least 3", id, len(a.Decoys))
		}
		for _, dir := range []string{"../grafana", "../dashboards"} {
			leaks, err := scenarios.LeaksIn(a, dir)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			for _, l := range leaks {
				t.Errorf("%s: %s", id, l)
			}
		}
	}
}

// TestLeaksIn checks that every file of a folder is looked through.
func TestLeaksIn(t *testing.T) {
	a, err := scenarios.LoadAnswer(simulated(t, system, key))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	put(t, filepath.Join(dir, "a.json"), "{}")
	if leaks, err := scenarios.LeaksIn(a, dir); err != nil || len(leaks) > 0 {
		t.Errorf("got %v, %v, want no leaks", leaks, err)
	}
	if err := os.Mkdir(filepath.Join(dir, "more"), 0o755); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "more", "b.json"), `{"title": "Worn platter"}`)
	if leaks, err := scenarios.LeaksIn(a, dir); err != nil || len(leaks) != 1 || !strings.HasSuffix(leaks[0].Place, "more/b.json") {
		t.Errorf("got %v, %v, want a leak in more/b.json", leaks, err)
	}
}
