package httpapi

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"firedrill/internal/challenge"
	"firedrill/internal/httpapi/wire"
)

// internalError is the code of what went wrong on our side. It is not one of the contest's.
const internalError challenge.Code = "internal"

// codes says how each code is shown: the one map from codes to HTTP.
var codes = map[challenge.Code]struct {
	status int
	title  string
}{
	challenge.Invalid:      {http.StatusUnprocessableEntity, "Invalid request"},
	challenge.Unauthorized: {http.StatusUnauthorized, "No valid token"},
	challenge.Forbidden:    {http.StatusForbidden, "Not allowed"},
	challenge.NotFound:     {http.StatusNotFound, "Not found"},
	challenge.NoSession:    {http.StatusNotFound, "No session joined"},
	challenge.WrongState:   {http.StatusConflict, "Not in this state"},
	challenge.Over:         {http.StatusConflict, "The session is over"},
	challenge.AlreadyRight: {http.StatusConflict, "Already right"},
	challenge.Conflict:     {http.StatusConflict, "Idempotency key used before"},
	challenge.LockedOut:    {http.StatusLocked, "Locked out after a wrong suspect"},
	challenge.TooMany:      {http.StatusTooManyRequests, "Too many"},
	challenge.Unavailable:  {http.StatusServiceUnavailable, "Not available at the moment"},
	internalError:          {http.StatusInternalServerError, "Internal error"},
}

// Problem is an error as it is sent.
type Problem struct {
	wire.Problem
	allow string // methods that a path has
}

func (p *Problem) Error() string { return p.Detail }

// GetStatus is for huma.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is for huma.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// GetHeaders is for huma.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.RetryAfter))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("Www-Authenticate", `Bearer realm="firedrill"`)
	}
	if p.allow != "" {
		h.Set("Allow", p.allow)
	}
	return h
}

func newProblem(code challenge.Code, detail string) *Problem {
	c := codes[code]
	return &Problem{Problem: wire.Problem{Type: "urn:firedrill:problem:" + string(code), Title: c.title, Status: c.status, Detail: detail, Code: string(code)}}
}

// problem is how an error is shown to whoever asked. What people can do nothing about goes to the log.
func (a *API) problem(ctx context.Context, err error) *Problem {
	var p *Problem
	var known *challenge.Error
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &known):
		if _, ok := codes[known.Code]; !ok {
			break
		}
		if known.Err != nil {
			a.o.Log.ErrorContext(ctx, "api: "+known.Text, "code", known.Code, "err", known.Err)
		}
		p = newProblem(known.Code, known.Text)
		p.Field, p.RetryAfter = known.Field, known.RetryAfter
		if p.Field == "cursor" {
			p.Field = "after"
		}
		return p
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		p = newProblem(challenge.Unavailable, "the request took too long; try again")
		p.RetryAfter = 1
		return p
	}
	id := make([]byte, 8)
	_, _ = rand.Read(id) // never fails: it ends the program rather
	p = newProblem(internalError, "something went wrong in the server; its log says what, under the id of this problem")
	p.Instance = "urn:firedrill:failure:" + hex.EncodeToString(id)
	a.o.Log.ErrorContext(ctx, "api: unexpected error", "instance", p.Instance, "route", routeOf(ctx), "err", err)
	return p
}

// write sends a problem outside of huma's operations.
func (p *Problem) write(w http.ResponseWriter) {
	for name, values := range p.GetHeaders() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // whoever asked has gone
}

// maxFieldErrors bounds Problem.Errors.
const maxFieldErrors = 20

// init makes huma's own errors, of validation above all, problems like ours, and makes it take keys as they are spelt.
// It has one switch for the whole program.
func init() {
	huma.ValidateStrictCasing = true
	huma.NewError = func(status int, text string, errs ...error) huma.StatusError { return validation(status, text, errs) }
}

// validation is the problem of a request that huma refuses. Values are left out of it: they may be secret.
func validation(status int, text string, errs []error) *Problem {
	p := newProblem(challenge.Invalid, text)
	switch status {
	case http.StatusInternalServerError: // huma says so when a body ends early
		p.Detail, p.Status = "the body cannot be read", http.StatusBadRequest
		return p
	case http.StatusBadRequest, http.StatusRequestTimeout, http.StatusNotAcceptable, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType:
		p.Status = status
	}
	for _, err := range errs {
		var d *huma.ErrorDetail
		if errors.As(err, &d) && len(p.Errors) < maxFieldErrors {
			p.Errors = append(p.Errors, wire.ProblemField{Field: field(d.Location), Detail: d.Message})
		}
	}
	if len(p.Errors) == 0 {
		return p
	}
	p.Field = p.Errors[0].Field
	p.Detail = strings.TrimPrefix(p.Field+": "+p.Errors[0].Detail, ": ")
	if n := len(p.Errors) - 1; n > 0 {
		p.Detail += fmt.Sprintf(" (and %d more)", n)
	} else {
		p.Errors = nil
	}
	return p
}

// field is how we name a place: as a JSON pointer in the body, by its name elsewhere. huma says body.suspects[0].cause.
func field(location string) string {
	where, rest, _ := strings.Cut(location, ".")
	if where != "body" {
		return rest
	}
	if rest == "" {
		return ""
	}
	return "/" + strings.NewReplacer(".", "/", "[", "/", "]", "").Replace(rest)
}

// CodeInfo is how a code is shown.
type CodeInfo struct {
	Code, Title string
	Status      int
}

// Codes lists all codes with their usual status, by status.
func Codes() []CodeInfo {
	var list []CodeInfo
	for code, c := range codes {
		list = append(list, CodeInfo{string(code), c.title, c.status})
	}
	slices.SortFunc(list, func(a, b CodeInfo) int { return cmp.Or(a.Status-b.Status, strings.Compare(a.Code, b.Code)) })
	return list
}
