package web

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"firedrill/internal/challenge"
	"firedrill/replay/distort"
	"firedrill/scenarios"
)

// choice is a scenario to choose.
type choice struct {
	ID, Title  string
	Difficulty scenarios.Difficulty
	Timebox    time.Duration
}

// loadChoices lists the scenarios that can be played.
func (p *Pages) loadChoices() {
	for _, id := range p.o.Library.IDs() {
		s, err := p.o.Library.Load(id)
		if err != nil {
			p.o.Log.Warn("scenario is not offered", "scenario", id, "error", err)
			continue
		}
		p.choices = append(p.choices, choice{id, s.Title, s.Difficulty, time.Duration(s.Timebox)})
	}
}

// presets are the difficulties of the evidence, the usual one first.
func presets() []string {
	list := slices.DeleteFunc(distort.Presets(), func(s string) bool { return s == distort.Normal })
	return append([]string{distort.Normal}, list...)
}

// homePage is where a player begins.
type homePage struct {
	base
	Current  *challenge.Session // nil: none was joined
	Sessions []challenge.Session
	Rounds   []challenge.Round // open or to come
	Choices  []choice
	Presets  []string
}

func (p *Pages) home(w http.ResponseWriter, r *http.Request, l *login) error {
	if l.facilitator() {
		http.Redirect(w, r, "/console", http.StatusSeeOther)
		return nil
	}
	return p.showHome(w, r, l, http.StatusOK, form{})
}

func (p *Pages) showHome(w http.ResponseWriter, r *http.Request, l *login, status int, f form) error {
	ctx, c := r.Context(), p.call(r, l)
	v := homePage{base: p.base(r, l, "Firedrill"), Choices: p.choices, Presets: presets()}
	v.Self, v.Poll, v.form = "/", pollLists, f
	current, err := p.o.Service.Current(ctx, c)
	var e *challenge.Error
	switch {
	case err == nil:
		v.Current = &current
	case !errors.As(err, &e) || e.Code != challenge.NoSession:
		return err
	}
	v.Sessions, _, err = p.o.Service.Sessions(ctx, c, challenge.SessionFilter{Mode: challenge.Together, Page: challenge.Page{Limit: challenge.MaxLimit}})
	if err != nil {
		return err
	}
	rounds, _, err := p.o.Service.Rounds(ctx, c, challenge.Page{Limit: challenge.MaxLimit})
	if err != nil {
		return err
	}
	v.Rounds = slices.DeleteFunc(rounds, func(o challenge.Round) bool { return !v.Now.Before(o.Closes) && !v.recent(o.Closes) })
	p.render(w, r, status, "home", v)
	return nil
}

// pollLists is how often lists are fetched again, in seconds.
const pollLists = 10

// recent tells whether a round that has closed is still of interest, for its leaderboard.
func (b base) recent(closed time.Time) bool { return b.Now.Sub(closed) < 7*24*time.Hour }

// play starts a session for one.
func (p *Pages) play(w http.ResponseWriter, r *http.Request, l *login) error {
	n := challenge.NewSession{Scenario: r.PostForm.Get("scenario"), Mode: challenge.Solo, Difficulty: r.PostForm.Get("evidence")}
	s, err := p.o.Service.CreateSession(r.Context(), p.call(r, l), n)
	if err != nil {
		return p.showHome(w, r, l, statusOf(err), p.refused(r, "play", err))
	}
	http.Redirect(w, r, "/session/"+s.ID, http.StatusSeeOther)
	return nil
}

// join takes part in a session or round.
func (p *Pages) join(w http.ResponseWriter, r *http.Request, l *login) error {
	s, err := p.o.Service.Join(r.Context(), p.call(r, l), r.PostForm.Get("id"))
	if err != nil {
		return p.showHome(w, r, l, statusOf(err), p.refused(r, "join", err))
	}
	http.Redirect(w, r, "/session/"+s.ID, http.StatusSeeOther)
	return nil
}

// nowhere answers addresses that lead nowhere.
func (p *Pages) nowhere(http.ResponseWriter, *http.Request, *login) error {
	return challenge.Errorf(challenge.NotFound, "there is no such page")
}
