package web

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"firedrill/internal/challenge"
)

//go:embed templates static
var files embed.FS

// maxForm bounds the body of a request, in bytes: the longest form has a few texts of challenge.MaxText, and some characters
// take three bytes in a form.
const maxForm = 64 << 10

// static are the static files.
var static = []string{"style.css", "app.js", "icon.svg"}

// version is in the addresses of the static files, which browsers may keep for good.
var version = func() string {
	h := sha256.New()
	for _, name := range static {
		text, err := files.ReadFile("static/" + name)
		if err != nil {
			panic(err)
		}
		h.Write(text)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}()

func serveStatic(w http.ResponseWriter, r *http.Request) {
	if !slices.Contains(static, r.PathValue("file")) {
		http.NotFound(w, r)
		return
	}
	if r.PathValue("version") == version {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	http.ServeFileFS(w, r, files, "static/"+r.PathValue("file"))
}

// pages are the templates by name, each with the layout and the common parts.
var pages = func() map[string]*template.Template {
	common := template.Must(template.New("").Funcs(functions).ParseFS(files, "templates/layout.html", "templates/parts.html"))
	all := map[string]*template.Template{}
	for _, name := range []string{"login", "home", "session", "confirm", "debrief", "round", "season", "console", "audit", "error"} {
		all[name] = template.Must(template.Must(common.Clone()).ParseFS(files, "templates/"+name+".html"))
	}
	return all
}()

// base is what the layout of every page needs.
type base struct {
	Title   string
	Version string
	Now     time.Time
	Login   *login // nil when nobody is logged in
	Flash   string // a sentence about what was just done
	Grafana string
	// Self is where the page can be fetched again; "" for one that does not change. It is when the tag that Stream sends does, or every
	// Poll seconds.
	Self, Stream, Tag string
	Poll              int
	Hold              bool // it shall not reload by itself where there is no JavaScript
	form
}

// base returns the layout's part of a page.
func (p *Pages) base(r *http.Request, l *login, title string) base {
	b := base{Title: title, Version: version, Now: p.now(), Login: l, Grafana: p.o.Grafana}
	if l != nil && r.Header.Get(liveHeader) == "" {
		b.Flash = l.said()
	}
	b.Hold = r.Method != http.MethodGet || r.FormValue("hold") != ""
	return b
}

// liveHeader marks requests of a page that fetches itself again.
const liveHeader = "X-Firedrill-Live"

// Facilitator tells whether one is logged in.
func (b base) Facilitator() bool { return b.Login != nil && b.Login.facilitator() }

// User is the name of who is logged in.
func (b base) User() string {
	if b.Login == nil {
		return ""
	}
	return b.Login.name
}

// NewKey returns an idempotency key for a form.
func (b base) NewKey() string { return rand.Text() }

// render writes a page.
func (p *Pages) render(w http.ResponseWriter, r *http.Request, status int, name string, v any) {
	var text bytes.Buffer
	if err := pages[name].ExecuteTemplate(&text, "layout", v); err != nil {
		p.o.Log.ErrorContext(r.Context(), "page cannot be rendered", "page", name, "error", err)
		http.Error(w, broken, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(text.Bytes()) // the client has gone, if anything
}

// broken is said when it is our fault.
const broken = "Something went wrong in the server; its log says what. Try again."

type errorPage struct {
	base
	Text string
}

// fail shows an error on a page of its own.
func (p *Pages) fail(w http.ResponseWriter, r *http.Request, l *login, err error) {
	v := errorPage{base: p.base(r, l, "This did not work"), Text: p.plain(r, err)}
	if statusOf(err) == http.StatusNotFound {
		v.Title = "Not found"
	}
	p.render(w, r, statusOf(err), "error", v)
}

// plain says what went wrong, and logs what is not for people.
func (p *Pages) plain(r *http.Request, err error) string {
	var e *challenge.Error
	if !errors.As(err, &e) {
		if r.Context().Err() == nil {
			p.o.Log.ErrorContext(r.Context(), "request failed", "method", r.Method, "route", r.Pattern, "error", err)
		}
		return broken
	}
	if e.Err != nil {
		p.o.Log.WarnContext(r.Context(), "request refused", "method", r.Method, "route", r.Pattern, "code", e.Code, "error", e.Err)
	}
	return sentence(about(e.Field) + e.Text)
}

// about names the field of an error, such as /suspects/0/onset.
func about(field string) string {
	words := ""
	for part := range strings.SplitSeq(strings.TrimPrefix(field, "/"), "/") {
		if n, err := strconv.Atoi(part); err == nil {
			part = strconv.Itoa(n + 1)
		}
		if words += part; part != "" {
			words += " "
		}
	}
	if words == "" {
		return ""
	}
	return strings.TrimSpace(words) + ": "
}

// sentence makes an error's text one that people read.
func sentence(text string) string {
	first, n := utf8.DecodeRuneInString(text)
	if n == 0 {
		return broken
	}
	text = string(unicode.ToUpper(first)) + text[n:]
	if !strings.ContainsAny(text[len(text)-1:], ".!?") {
		text += "."
	}
	return text
}

// statuses are those of HTTP for the codes of errors.
var statuses = map[challenge.Code]int{
	challenge.NotFound:     http.StatusNotFound,
	challenge.NoSession:    http.StatusNotFound,
	challenge.Forbidden:    http.StatusForbidden,
	challenge.Unauthorized: http.StatusUnauthorized,
	challenge.Invalid:      http.StatusUnprocessableEntity,
	challenge.WrongState:   http.StatusConflict,
	challenge.Over:         http.StatusConflict,
	challenge.Conflict:     http.StatusConflict,
	challenge.AlreadyRight: http.StatusConflict,
	challenge.LockedOut:    http.StatusTooManyRequests,
	challenge.TooMany:      http.StatusTooManyRequests,
	challenge.Unavailable:  http.StatusServiceUnavailable,
}

func statusOf(err error) int {
	var e *challenge.Error
	if errors.As(err, &e) && statuses[e.Code] != 0 {
		return statuses[e.Code]
	}
	return http.StatusInternalServerError
}

// form is a form that was refused, so that the page can show it again with what was typed. The zero form is none.
type form struct {
	Name   string
	Err    string
	Values url.Values
}

// refused returns the form of a request that failed.
func (p *Pages) refused(r *http.Request, name string, err error) form {
	return form{Name: name, Err: p.plain(r, err), Values: r.PostForm}
}

// Error is what is wrong with a form of the page, "" if nothing is.
func (f form) Error(name string) string {
	if f.Name != name {
		return ""
	}
	return f.Err
}

// Old is what was typed into a field of a form of the page.
func (f form) Old(name, field string) string {
	if f.Name != name {
		return ""
	}
	return f.Values.Get(field)
}
