package gateway

import (
	"encoding/hex"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"firedrill/replay/rebase"
)

// jaegerAnswer is the frame of Jaeger's answers (cmd/query/app/http_handler.go, structuredResponse).
type jaegerAnswer struct {
	Data   any           `json:"data"`
	Total  int           `json:"total"`
	Limit  int           `json:"limit"`
	Offset int           `json:"offset"`
	Errors []jaegerError `json:"errors"`
}

type jaegerError struct {
	Code int    `json:"code,omitempty"`
	Msg  string `json:"msg"`
}

// dependencyLookback is Jaeger's default (cmd/query/app, defaultDependencyLookbackDuration).
const dependencyLookback = 24 * time.Hour

func writeList[T any](w http.ResponseWriter, list []T) {
	writeJSON(w, http.StatusOK, jaegerAnswer{Data: list, Total: len(list)})
}

// known returns the index of what a session plays, and the recorded times between which the player may know of it.
func (g *Gateway) known(a *ask) (x *traceIndex, ev Evidence, from, horizon int64, p *problem) {
	ev, horizon, p = g.evidence(a.Context(), a.session)
	if p != nil {
		return nil, ev, 0, 0, p
	}
	if x, err := g.indexes.get(a.Context(), g.ctx, ev.Source); err == nil {
		if !ev.From.IsZero() {
			from = ev.From.UnixNano()
		}
		return x, ev, from, horizon, nil
	} else {
		return nil, ev, 0, 0, trouble(err, "The services of your session cannot be listed just now: try again")
	}
}

func jaegerServices(g *Gateway, w http.ResponseWriter, a *ask) *problem {
	x, _, from, horizon, p := g.known(a)
	if p != nil {
		return p
	}
	names := []string{}
	for o := range x.visible(from, horizon) { // in order of services
		if len(names) == 0 || names[len(names)-1] != o.service {
			names = append(names, o.service)
		}
	}
	writeList(w, names)
	return nil
}

func jaegerServiceOperations(g *Gateway, w http.ResponseWriter, a *ask) *problem {
	a.trail.Query = a.arg
	x, _, from, horizon, p := g.known(a)
	if p != nil {
		return p
	}
	names := []string{}
	for o := range x.visible(from, horizon) {
		if o.service == a.arg && (len(names) == 0 || names[len(names)-1] != o.name) {
			names = append(names, o.name)
		}
	}
	writeList(w, names)
	return nil
}

// namedOperation is an entry of Jaeger's list of operations.
type namedOperation struct {
	Name     string `json:"name"`
	SpanKind string `json:"spanKind"`
}

func jaegerOperations(g *Gateway, w http.ResponseWriter, a *ask) *problem {
	service, kind := a.form.Get("service"), a.form.Get("spanKind")
	a.trail.Query = service
	if service == "" {
		return newProblem(http.StatusBadRequest, "parameter 'service' is required")
	}
	x, _, from, horizon, p := g.known(a)
	if p != nil {
		return p
	}
	list := []namedOperation{}
	for o := range x.visible(from, horizon) {
		if o.service == service && (kind == "" || kind == o.kind) {
			list = append(list, namedOperation{o.name, o.kind})
		}
	}
	writeList(w, list)
	return nil
}

// dependency is an entry of Jaeger's list of dependencies.
type dependency struct {
	Parent    string `json:"parent"`
	Child     string `json:"child"`
	CallCount uint64 `json:"callCount"`
}

func jaegerDependencies(g *Gateway, w http.ResponseWriter, a *ask) *problem {
	end, lookback := g.o.Now(), dependencyLookback
	for name, set := range map[string]func(ms int64){
		"endTs":    func(ms int64) { end = time.UnixMilli(ms) },
		"lookback": func(ms int64) { lookback = time.Duration(ms) * time.Millisecond },
	} {
		s, p := a.form.one(name)
		if p != nil {
			return p
		}
		if s == "" {
			continue
		}
		ms, err := strconv.ParseInt(s, 10, 64)
		if err != nil || ms < 0 || ms > maxMicros/1000 {
			return newProblem(http.StatusBadRequest, "unable to parse param '%s': it must be milliseconds", name)
		}
		set(ms)
	}
	if now := g.o.Now(); end.After(now) {
		end = now
	}
	lookback = min(lookback, time.Duration(end.UnixNano())) // not before 1970
	service := a.form.Get("service")
	a.trail.Query, a.trail.From, a.trail.To = service, end.Add(-lookback), end
	x, ev, from, horizon, p := g.known(a)
	if p != nil {
		return p
	}
	from = max(from, ev.Timeline.Recorded(end.Add(-lookback).UnixNano()))
	to := ev.Timeline.Recorded(end.UnixNano())
	list := []dependency{}
	for i := range x.edges {
		e := &x.edges[i]
		if service != "" && service != e.parent && service != e.child {
			continue
		}
		if n := e.between(from, to, horizon); n > 0 {
			list = append(list, dependency{e.parent, e.child, n})
		}
	}
	writeJSON(w, http.StatusOK, jaegerAnswer{Data: list})
	return nil
}

// jaegerTrace serves one trace: of the session, or not at all.
func jaegerTrace(g *Gateway, w http.ResponseWriter, a *ask) *problem {
	a.trail.Query = a.arg
	id, ok := parseTraceID(a.arg)
	if !ok {
		return newProblem(http.StatusBadRequest, "a trace id has 16 or 32 hexadecimal digits")
	}
	query := url.Values{}
	for _, name := range []string{"start", "end"} {
		micros, p := a.form.micros(name)
		if p != nil {
			return p
		}
		if micros > 0 {
			query.Set(name, strconv.FormatInt(micros, 10))
		}
	}
	ev, _, p := g.evidence(a.Context(), a.session)
	if p != nil {
		return p
	}
	if !ev.Source.HasTrace(rebase.NewIDs(ev.Key).InverseTrace(id)) {
		return newProblem(http.StatusNotFound, "trace not found") // Jaeger's words
	}
	return g.forward(w, a, g.jaeger, "/api/traces/"+hex.EncodeToString(id[:]), query, nil)
}

// parseTraceID reads 16 or 32 hexadecimal digits.
func parseTraceID(s string) (id [16]byte, ok bool) {
	if len(s) != 16 && len(s) != 32 {
		return id, false
	}
	_, err := hex.Decode(id[16-len(s)/2:], []byte(s))
	return id, err == nil && id != [16]byte{}
}
