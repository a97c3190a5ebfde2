package web

import (
	"net/http"
	"slices"
	"time"

	"firedrill/internal/challenge"
)

// debriefPage is what there is to learn from a session.
type debriefPage struct {
	base
	challenge.Debrief
	Players []playerView // the reader first
}

// playerView is one player's way, in the order of time.
type playerView struct {
	challenge.PlayerDebrief
	Steps   []step
	Reached int // steps of the golden path that the player came close to
}

// step is something that a player did.
type step struct {
	At         time.Time
	Elapsed    time.Duration // on the session's clock
	Submission *challenge.JudgedSubmission
	Hypothesis *challenge.Hypothesis
	Status     challenge.HypothesisStatus
	Look       bool // the first look at a guilty component
}

// Cause is the title of a cause.
func (v debriefPage) Cause(id string) string { return causeTitle(&v.Briefing.Scenario, id) }

func (p *Pages) debrief(w http.ResponseWriter, r *http.Request, l *login) error {
	d, err := p.o.Service.Debrief(r.Context(), p.call(r, l), r.PathValue("id"))
	if err != nil {
		return err
	}
	v := debriefPage{base: p.base(r, l, "Debrief: "+d.Session.Title), Debrief: d}
	for _, one := range d.Players {
		v.Players = append(v.Players, viewOf(&d.Session, one))
	}
	slices.SortStableFunc(v.Players, func(a, b playerView) int {
		switch {
		case a.Player == l.name && b.Player != l.name:
			return -1
		case b.Player == l.name && a.Player != l.name:
			return 1
		}
		return 0
	})
	p.render(w, r, http.StatusOK, "debrief", v)
	return nil
}

func viewOf(s *challenge.Session, d challenge.PlayerDebrief) playerView {
	v := playerView{PlayerDebrief: d}
	for i := range d.Submissions {
		sub := &d.Submissions[i]
		v.Steps = append(v.Steps, step{At: sub.Submission.At, Elapsed: sub.Submission.Elapsed, Submission: sub})
	}
	for i := range d.Hypotheses {
		h := &d.Hypotheses[i]
		for _, c := range h.Changes {
			v.Steps = append(v.Steps, step{At: c.At, Elapsed: s.Elapsed(c.At), Hypothesis: h, Status: c.Status})
		}
	}
	if d.FirstLook != nil {
		at, _ := s.Clock.At(*d.FirstLook)
		v.Steps = append(v.Steps, step{At: at, Elapsed: *d.FirstLook, Look: true})
	}
	slices.SortStableFunc(v.Steps, func(a, b step) int { return a.At.Compare(b.At) })
	for _, near := range d.Golden {
		if near {
			v.Reached++
		}
	}
	return v
}
