package web

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"firedrill/internal/challenge"
)

// LoginCode returns the path of a link by which its holder can log in as a player or facilitator, once and within ten
// minutes.
func (p *Pages) LoginCode(name string, role challenge.Role) (path string) {
	now := p.now()
	code := p.logins.addCode(&login{role: role, name: name, since: now, expires: now.Add(codeLife)})
	return "/login?code=" + code
}

// cookieName has the prefix that makes browsers refuse the cookie to and from anything but this very host by https
// (RFC 6265bis, section 4.1.3.2).
func (p *Pages) cookieName(r *http.Request) string {
	if p.secure(r) {
		return "__Host-firedrill"
	}
	return "firedrill"
}

func (p *Pages) setCookie(w http.ResponseWriter, r *http.Request, value string, age time.Duration) {
	c := &http.Cookie{
		Name: p.cookieName(r), Value: value, Path: "/", MaxAge: int(age.Seconds()),
		HttpOnly: true, Secure: p.secure(r), SameSite: http.SameSiteStrictMode,
	}
	if age <= 0 {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// who is the login of a request; nil without one that is good.
func (p *Pages) who(r *http.Request) (*login, error) {
	c, err := r.Cookie(p.cookieName(r))
	if err != nil {
		return nil, nil
	}
	l := p.logins.get(c.Value, p.now())
	if l == nil {
		return nil, nil
	}
	good, err := p.tokenGood(r.Context(), l)
	if !good || err != nil {
		return nil, err
	}
	return l, nil
}

// tokenGood tells whether the token with which somebody logged in still is.
func (p *Pages) tokenGood(ctx context.Context, l *login) (bool, error) {
	if l.token == "" {
		return true, nil
	}
	list, err := p.tokens.get(ctx, p.o.Tokens, p.now())
	if err != nil {
		return false, err
	}
	i := slices.IndexFunc(list, func(t challenge.Token) bool { return t.ID == l.token })
	return i >= 0 && list[i].Valid(p.now()), nil
}

// tokenList is the list of tokens as it was a moment ago: each request looks at it.
type tokenList struct {
	mu   sync.Mutex // guards the rest
	list []challenge.Token
	read time.Time
}

func (c *tokenList) get(ctx context.Context, from Tokens, now time.Time) ([]challenge.Token, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if age := now.Sub(c.read); age >= 0 && age < tokensFresh {
		return c.list, nil
	}
	list, err := from.List(ctx)
	if err != nil {
		return nil, err
	}
	c.list, c.read = list, now
	return list, nil
}

// in serves those who are logged in and sends others to the login.
func (p *Pages) in(serve func(http.ResponseWriter, *http.Request, *login) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		l, err := p.who(r)
		if err != nil {
			p.fail(w, r, nil, err)
			return
		}
		if l == nil {
			to := "/login"
			if r.Method == http.MethodGet && r.URL.Path != "/" {
				to += "?next=" + url.QueryEscape(r.URL.Path)
			}
			http.Redirect(w, r, to, http.StatusSeeOther)
			return
		}
		if !l.pace.AllowN(p.now(), 1) {
			w.Header().Set("Retry-After", "1")
			p.fail(w, r, l, challenge.Errorf(challenge.TooMany, "too many requests; wait a little"))
			return
		}
		if r.Method == http.MethodPost {
			if err := r.ParseForm(); err != nil {
				p.fail(w, r, l, challenge.Errorf(challenge.Invalid, "the form is too long or not a form"))
				return
			}
		}
		if err := serve(w, r, l); err != nil {
			p.fail(w, r, l, err)
		}
	}
}

// call is what the Service is told about a request.
func (p *Pages) call(r *http.Request, l *login) challenge.Call {
	return challenge.Call{Role: l.role, Name: l.name, Remote: remote(r), Key: r.PostForm.Get("key")}
}

// remote is the client's address without its port.
func remote(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// audit notes that something was refused before the Service was asked.
func (p *Pages) audit(r *http.Request, l *login, detail string) {
	if !p.audits.AllowN(p.now(), 1) {
		return
	}
	e := challenge.AuditEntry{Remote: remote(r), Action: "web.refused", Detail: r.Method + " " + r.Pattern + ": " + detail}
	if l != nil {
		e.Actor, e.Role = l.name, l.role
	}
	if err := p.o.Service.Refused(r.Context(), e); err != nil {
		p.o.Log.ErrorContext(r.Context(), "a refusal was not audited", "error", err)
	}
}

// loginPage is the login.
type loginPage struct {
	base
	Code string // of a link; then the form asks for nothing but a click: those who look at links for people must not use them up
	Name string // whom the code is for
	Next string
	Err  string
}

func (p *Pages) loginForm(w http.ResponseWriter, r *http.Request) {
	v := loginPage{Next: local(r.FormValue("next"))}
	if code := r.FormValue("code"); code != "" {
		if l := p.logins.code(code, p.now(), false); l != nil {
			v.Code, v.Name = code, l.name
		} else {
			v.Err = staleCode
		}
	}
	p.showLogin(w, r, http.StatusOK, v)
}

const staleCode = "This link has been used or is older than ten minutes. Ask for another one, or log in with a token."

func (p *Pages) showLogin(w http.ResponseWriter, r *http.Request, status int, v loginPage) {
	v.base = p.base(r, nil, "Log in")
	p.render(w, r, status, "login", v)
}

func (p *Pages) login(w http.ResponseWriter, r *http.Request) {
	v := loginPage{}
	if err := r.ParseForm(); err != nil {
		v.Err = "The form is too long or not a form."
		p.showLogin(w, r, http.StatusBadRequest, v)
		return
	}
	v.Next = local(r.PostForm.Get("next"))
	l, err := p.check(r)
	if err != nil {
		var e *challenge.Error
		if v.Err = sentence(err.Error()); !errors.As(err, &e) {
			p.o.Log.ErrorContext(r.Context(), "login", "error", err)
			v.Err = broken
		} else if e.Code == challenge.Unauthorized || e.Code == challenge.Forbidden {
			p.audit(r, nil, string(e.Code)+": "+e.Text)
		}
		p.showLogin(w, r, statusOf(err), v)
		return
	}
	now := p.now()
	l.since, l.expires = now, now.Add(loginLife)
	p.setCookie(w, r, p.logins.add(l), loginLife)
	http.Redirect(w, r, v.Next, http.StatusSeeOther)
}

// check returns whom a token or a code stands for.
func (p *Pages) check(r *http.Request) (*login, error) {
	if code := r.PostForm.Get("code"); code != "" {
		l := p.logins.code(code, p.now(), true)
		if l == nil {
			return nil, challenge.Errorf(challenge.Unauthorized, "%s", staleCode)
		}
		return &login{role: l.role, name: l.name}, nil
	}
	secret := strings.TrimSpace(r.PostForm.Get("token"))
	if secret == "" {
		return nil, challenge.Errorf(challenge.Unauthorized, "paste your token; a facilitator makes one with firedrill token")
	}
	t, err := p.o.Tokens.Authenticate(r.Context(), secret)
	if err != nil {
		return nil, err
	}
	if t.Role != challenge.PlayerRole && t.Role != challenge.FacilitatorRole {
		return nil, challenge.Errorf(challenge.Forbidden, "this token is for programs; use one of a player or a facilitator")
	}
	return &login{role: t.Role, name: t.Name, token: t.ID}, nil
}

func (p *Pages) logout(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(p.cookieName(r)); err == nil {
		p.logins.remove(c.Value)
	}
	p.setCookie(w, r, "", 0)
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

// local returns a path of this server, "/" for anything else.
func local(path string) string {
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\\r\n\t") {
		return "/"
	}
	return path
}
