package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"firedrill/internal/challenge"
)

// problem is why a request is not answered as it was asked. Its text is for the player.
type problem struct {
	status int
	text   string
	reason reason // set when it is a refusal, to be audited
	err    error  // for the log; may be nil
}

// reason names a kind of refusal, for metrics and the audit.
type reason string

const (
	reasonToken    reason = "token"    // no bearer token, or not a good one
	reasonRole     reason = "role"     // a good token that is not Grafana's
	reasonUser     reason = "user"     // no user, or not one
	reasonSession  reason = "session"  // the user is in no session
	reasonEndpoint reason = "endpoint" // not on the list
	reasonPath     reason = "path"     // a path with tricks in it
	reasonScope    reason = "scope"    // names another session
)

var reasons = []reason{reasonToken, reasonRole, reasonUser, reasonSession, reasonEndpoint, reasonPath, reasonScope}

func newProblem(status int, format string, args ...any) *problem {
	return &problem{status: status, text: fmt.Sprintf(format, args...)}
}

func refusal(status int, r reason, format string, args ...any) *problem {
	p := newProblem(status, format, args...)
	p.reason = r
	return p
}

// trouble is a problem of ours; the player learns what to do, the log the cause.
func trouble(err error, text string) *problem {
	var ce *challenge.Error
	if errors.As(err, &ce) && ce.Code == challenge.Unavailable {
		text = ce.Text
	}
	return &problem{status: http.StatusServiceUnavailable, text: text, err: err}
}

// write answers in the form in which the data source of the back end shows errors to its user.
func (p *problem) write(w http.ResponseWriter, b challenge.Backend) {
	h := w.Header()
	for name := range h {
		h.Del(name) // what a back end's answer may have left
	}
	h.Set("X-Content-Type-Options", "nosniff")
	if p.status == http.StatusUnauthorized {
		h.Set("Www-Authenticate", "Bearer")
	}
	switch b {
	case challenge.PrometheusBackend:
		// web/api/v1/api.go of Prometheus, respondError.
		writeJSON(w, p.status, map[string]string{"status": "error", "errorType": errorType(p.status), "error": p.text})
	case challenge.JaegerBackend:
		// cmd/query/app/http_handler.go of Jaeger, structuredResponse.
		writeJSON(w, p.status, jaegerAnswer{Errors: []jaegerError{{Code: p.status, Msg: p.text}}})
	default:
		// Loki answers errors as plain text, and Grafana shows the whole of it.
		h.Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(p.status)
		_, _ = io.WriteString(w, p.text)
	}
}

// errorType is what Prometheus's API calls a status; Grafana shows it before the text.
func errorType(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "unauthorized"
	case http.StatusForbidden:
		return "forbidden"
	case http.StatusNotFound:
		return "not_found"
	case http.StatusBadGateway, http.StatusServiceUnavailable:
		return "unavailable"
	case http.StatusGatewayTimeout, http.StatusRequestTimeout:
		return "timeout"
	}
	return "bad_data"
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil { // strings and numbers only: cannot happen
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b)
}
