// Package evidence checks what a scenario claims on the real back ends: [Load] replays its recording in
// bulk, [Session.Check] asks Prometheus, Loki and Jaeger and compares the answers with their bounds.
//
// Authors write plain queries for the recording's own time. The package scopes them to the session, a
// label in PromQL, a tenant in LogQL and an attribute in searches for traces, and moves their times by
// the session's shift.
//
// # How an answer is judged
//
// Every series of an answer must be within bounds, at every step of a stretch; a step without any
// series is not. Nothing is ever taken for 0: "or vector(0)" says so where nothing is right.
package evidence

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"firedrill/replay"
	"firedrill/replay/endpoint"
	"firedrill/replay/lokipush"
	"firedrill/replay/otlptrace"
	"firedrill/replay/recording"
	"firedrill/replay/remotewrite"
	"firedrill/scenarios"
)

// SessionAttribute is the resource attribute that marks the spans of a session.
const SessionAttribute = "firedrill.session"

// Step is the distance of the moments at which a query is asked in a stretch of time.
const Step = 30 * time.Second

// Options say where the back ends are and how the session is called there.
type Options struct {
	Prometheus string // http://host:port
	Loki       string // http://host:port
	OTLP       string // http://host:port of a receiver of OTLP over gRPC
	Jaeger     string // http://host:port of the query API
	// Window is how far back from now Prometheus and Loki take items; 0 is without limit.
	Window  time.Duration
	Session string
	Begin   time.Time    // recorded moment from which durations count; the zero time is the recording's start
	Log     *slog.Logger // may be nil
}

// Session is a recording that was loaded. Its methods are safe for concurrent use.
type Session struct {
	options  Options
	start    time.Time // recorded; durations count from it
	end      time.Time // of the recording
	timeline *replay.Timeline
	client   *http.Client
}

// Load replays the whole recording in bulk, so that its end is now, and returns the proof. A proof that
// is not OK is not an error.
func Load(ctx context.Context, rec *recording.Recording, o Options) (_ *Session, _ *replay.Proof, err error) {
	sinks, closeSinks, err := o.sinks()
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, closeSinks()) }()
	m := rec.Manifest()
	if o.Begin.IsZero() {
		o.Begin = m.Start
	}
	r, err := replay.New(rec, sinks, replay.Options{
		Session: o.Session, Page: m.End, History: m.End.Sub(m.Start), Log: o.Log, KnownTrace: rec.HasTrace,
		// The page is moved by up to a second; then it is just past, and everything is history.
		Wall: time.Now().Add(-time.Second),
	})
	if err != nil {
		return nil, nil, fmt.Errorf("load recording: %w", err)
	}
	proof, err := r.Run(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("load recording: %w", err)
	}
	return &Session{options: o, start: o.Begin, end: m.End, timeline: r.Timeline(), client: &http.Client{Timeout: time.Minute}}, proof, nil
}

// sinks opens a sink for each back end.
func (o Options) sinks() (sinks replay.Sinks, closeAll func() error, err error) {
	metrics, err := remotewrite.New(remotewrite.Options{
		Endpoint: endpoint.Config{URL: o.Prometheus}, Log: o.Log,
		Labels: []labels.Label{{Name: recording.SessionLabel, Value: o.Session}},
	})
	if err != nil {
		return replay.Sinks{}, nil, fmt.Errorf("prometheus: %w", err)
	}
	logs, err := lokipush.New(lokipush.Options{Endpoint: endpoint.Config{URL: o.Loki}, Tenant: o.Session, Log: o.Log})
	if err != nil {
		return replay.Sinks{}, nil, errors.Join(fmt.Errorf("loki: %w", err), metrics.Close())
	}
	traces, err := otlptrace.New(otlptrace.Options{
		Endpoint: endpoint.Config{URL: o.OTLP}, Query: endpoint.Config{URL: o.Jaeger}, Log: o.Log,
		Protocol: otlptrace.GRPC, ResourceAttributes: map[string]string{SessionAttribute: o.Session},
	})
	if err != nil {
		return replay.Sinks{}, nil, errors.Join(fmt.Errorf("otlp: %w", err), metrics.Close(), logs.Close())
	}
	return replay.Sinks{Samples: metrics, Records: logs, Spans: traces, SamplesWindow: o.Window, RecordsWindow: o.Window},
		func() error { return errors.Join(metrics.Close(), logs.Close(), traces.Close()) }, nil
}

// Result is what became of one assertion.
type Result struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	// Least and Most are the extremes of all values of the answer; nil when it had none.
	Least *float64 `json:"least"`
	Most  *float64 `json:"most"`
	// Min and Max are the bounds; nil is none.
	Min *float64 `json:"min"`
	Max *float64 `json:"max"`
	// Problem says what is wrong beyond the values; "" when nothing is.
	Problem string `json:"problem,omitempty"`
}

// Check asks for each piece of evidence, in order. What a back end refuses, such as a query that is
// wrong, is a Problem of its Result; the error is for a back end that cannot be reached, and for ctx.
func (s *Session) Check(ctx context.Context, assertions []scenarios.Assertion) ([]Result, error) {
	results := make([]Result, len(assertions))
	for i, a := range assertions {
		r := Result{Name: a.Name, Min: a.Expect.Min, Max: a.Expect.Max}
		values, err := s.ask(ctx, a)
		var refused *refusalError
		switch {
		case errors.As(err, &refused):
			r.Problem = refused.Error()
		case err != nil:
			return nil, fmt.Errorf("evidence %q: %w", a.Name, err)
		default:
			r.judge(values, a.Expect)
		}
		results[i] = r
	}
	return results, nil
}

// judge compares the values of each step with the bounds. Of several problems the last is told.
func (r *Result) judge(steps []step, bounds scenarios.Bounds) {
	r.OK = true
	for _, st := range steps {
		if len(st.values) == 0 {
			r.OK, r.Problem = false, fmt.Sprintf("no data at %s", st.offset)
		}
		for _, v := range st.values {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				r.OK, r.Problem = false, fmt.Sprintf("the value at %s is %v", st.offset, v)
				continue
			}
			r.OK = r.OK && bounds.Contain(v)
			if r.Least == nil || v < *r.Least {
				r.Least = &v
			}
			if r.Most == nil || v > *r.Most {
				r.Most = &v
			}
		}
	}
}

// step is the answer at one moment: a value for each series.
type step struct {
	offset time.Duration // from the recording's start
	values []float64
}

// refusalError is what a back end, or the reading of a query, has against an assertion.
type refusalError struct{ text string }

func (e *refusalError) Error() string { return e.text }

func refusef(format string, args ...any) error { return &refusalError{fmt.Sprintf(format, args...)} }

// wall maps a recorded moment to the session's time.
func (s *Session) wall(m scenarios.Moment) time.Time {
	return time.Unix(0, s.timeline.Wall(m.In(s.start).UnixNano()))
}

// ask answers one assertion.
func (s *Session) ask(ctx context.Context, a scenarios.Assertion) ([]step, error) {
	if a.Traces != nil {
		v, err := s.search(ctx, *a.Traces, s.wall(*a.From), s.wall(*a.To))
		if err != nil {
			return nil, err
		}
		return []step{{offset: a.From.In(s.start).Sub(s.start), values: v}}, nil
	}
	from, to := a.At, a.At
	if a.At == nil {
		from, to = a.From, a.To
	}
	if a.LogQL != "" {
		return s.queryLoki(ctx, a.LogQL, s.wall(*from), s.wall(*to))
	}
	return s.queryPrometheus(ctx, a.PromQL, s.wall(*from), s.wall(*to))
}
