package web

import (
	"net/http"

	"firedrill/internal/challenge"
)

// consolePage is where facilitators begin.
type consolePage struct {
	base
	Sessions []consoleSession // the newest, without those of rounds
	Rounds   []challenge.Round
	Choices  []choice
	Presets  []string
}

// consoleSession is a line of the console.
type consoleSession struct {
	challenge.Session
	Players int
	Clock   *countdown
}

// consoleLines bounds the sessions and rounds of the console.
const consoleLines = 50

func (p *Pages) console(w http.ResponseWriter, r *http.Request, l *login) error {
	return p.showConsole(w, r, l, http.StatusOK, form{})
}

func (p *Pages) showConsole(w http.ResponseWriter, r *http.Request, l *login, status int, f form) error {
	if err := facilitators(l); err != nil {
		return err
	}
	ctx, c := r.Context(), p.call(r, l)
	v := consolePage{base: p.base(r, l, "Console"), Choices: p.choices, Presets: presets()}
	v.Self, v.Poll, v.form = "/console", pollLists, f
	for _, mode := range []challenge.Mode{challenge.Together, challenge.Solo} {
		list, _, err := p.o.Service.Sessions(ctx, c, challenge.SessionFilter{Mode: mode, Page: challenge.Page{Limit: consoleLines}})
		if err != nil {
			return err
		}
		for _, s := range list {
			players, err := p.o.Service.Participants(ctx, c, s.ID)
			if err != nil {
				return err
			}
			v.Sessions = append(v.Sessions, consoleSession{s, len(players), clockOf(&s, v.Now)})
		}
	}
	var err error
	if v.Rounds, _, err = p.o.Service.Rounds(ctx, c, challenge.Page{Limit: consoleLines}); err != nil {
		return err
	}
	p.render(w, r, status, "console", v)
	return nil
}

// facilitators refuses the console to players.
func facilitators(l *login) error {
	if l.facilitator() {
		return nil
	}
	return challenge.Errorf(challenge.Forbidden, "the console is for facilitators; log in with a facilitator's token")
}

func (p *Pages) createSession(w http.ResponseWriter, r *http.Request, l *login) error {
	f := r.PostForm
	n := challenge.NewSession{
		Scenario: f.Get("scenario"), Title: f.Get("title"), Mode: challenge.Mode(f.Get("mode")), Difficulty: f.Get("evidence"),
	}
	var err error
	if n.Timebox, err = readMinutes("time box", f.Get("timebox")); err == nil {
		n.PageAt, err = readMoment("page at", f.Get("at"))
	}
	var s challenge.Session
	if err == nil {
		s, err = p.o.Service.CreateSession(r.Context(), p.call(r, l), n)
	}
	if err != nil {
		if unexpected(err) {
			return err
		}
		return p.showConsole(w, r, l, statusOf(err), p.refused(r, "session", err))
	}
	http.Redirect(w, r, "/session/"+s.ID, http.StatusSeeOther)
	return nil
}

func (p *Pages) createRound(w http.ResponseWriter, r *http.Request, l *login) error {
	f := r.PostForm
	n := challenge.NewRound{Scenario: f.Get("scenario"), Title: f.Get("title"), Difficulty: f.Get("evidence"), Season: f.Get("season")}
	var err error
	if n.Timebox, err = readMinutes("time box", f.Get("timebox")); err == nil {
		n.Opens, err = readMoment("opens", f.Get("opens"))
	}
	if err == nil {
		n.Closes, err = readMoment("closes", f.Get("closes"))
	}
	var round challenge.Round
	if err == nil {
		round, err = p.o.Service.CreateRound(r.Context(), p.call(r, l), n)
	}
	if err != nil {
		if unexpected(err) {
			return err
		}
		return p.showConsole(w, r, l, statusOf(err), p.refused(r, "round", err))
	}
	http.Redirect(w, r, "/round/"+round.ID, http.StatusSeeOther)
	return nil
}

// auditPage is the log of what facilitators did and what was refused.
type auditPage struct {
	base
	Of      string // a session or round; "" is all
	Entries []challenge.AuditEntry
	Next    string // cursor
}

func (p *Pages) auditLog(w http.ResponseWriter, r *http.Request, l *login) error {
	if err := facilitators(l); err != nil {
		return err
	}
	v := auditPage{base: p.base(r, l, "Audit log"), Of: r.FormValue("of")}
	var err error
	v.Entries, v.Next, err = p.o.Service.Audit(r.Context(), p.call(r, l), v.Of, challenge.Page{After: r.FormValue("after"), Limit: 100})
	if err != nil {
		return err
	}
	p.render(w, r, http.StatusOK, "audit", v)
	return nil
}
