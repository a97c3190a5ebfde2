package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"firedrill/internal/challenge"
	"firedrill/scenarios"
)

// sessionPage is a session as its players, or the facilitator, see it.
type sessionPage struct {
	base
	Session  challenge.Session
	Outlook  string
	Clock    *countdown
	Players  []challenge.Participant
	Joined   bool // the reader is one of them
	Owner    bool // the reader may start, pause and end it
	Round    *challenge.Round
	Controls controls

	// From the page on:
	Paged       bool
	Briefing    challenge.Briefing
	Drawing     *drawing
	Diagram     diagram
	Changes     []challenge.Event
	Events      []challenge.Event // newest first
	Newest      string            // what was announced last, to be read out
	Submissions []challenge.Submission
	Hypotheses  []challenge.Hypothesis
	Standing    challenge.Standing
	Lock        *countdown
	Board       []challenge.Rank
	Suspects    suspectForm
}

// Labels are what the alert says of itself.
func (v *sessionPage) Labels() map[string]string { return v.Briefing.Scenario.Page.Labels }

// MaySubmit tells whether the form for suspects is of use.
func (v *sessionPage) MaySubmit() bool {
	return v.Joined && v.Session.State.Running() && !v.Standing.Correct
}

// Cause is the title of a cause.
func (v *sessionPage) Cause(id string) string { return causeTitle(&v.Briefing.Scenario, id) }

func causeTitle(s *scenarios.Scenario, id string) string {
	for _, c := range s.Suspects.Causes {
		if c.ID == id {
			return c.Title
		}
	}
	return id
}

// session shows a session.
func (p *Pages) session(w http.ResponseWriter, r *http.Request, l *login) error {
	return p.showSession(w, r, l, http.StatusOK, form{}, nil)
}

// showSession shows a session, with a form that was refused and the suspects that were typed so far, if any.
func (p *Pages) showSession(w http.ResponseWriter, r *http.Request, l *login, status int, f form, typed *suspectForm) error {
	v, err := p.sessionView(r, l)
	if err != nil {
		return err
	}
	v.form = f
	if typed != nil {
		v.Suspects = *typed
	}
	p.render(w, r, status, "session", v)
	return nil
}

// sessionView reads what the page of a session shows.
func (p *Pages) sessionView(r *http.Request, l *login) (*sessionPage, error) {
	ctx, c, id := r.Context(), p.call(r, l), r.PathValue("id")
	s, err := p.o.Service.Session(ctx, c, id)
	if err != nil {
		return nil, err
	}
	v := &sessionPage{base: p.base(r, l, s.Title), Session: s, Outlook: outlook(&s), Clock: clockOf(&s, p.now())}
	v.Self, v.Stream = "/session/"+id, "/session/"+id+"/stream"
	if v.Players, err = p.o.Service.Participants(ctx, c, id); err != nil {
		return nil, err
	}
	v.Joined = takesPart(l, v.Players)
	v.Owner = l.facilitator() || s.Mode == challenge.Solo && s.CreatedBy == l.name
	v.Paged = s.State.Running() || s.State.Over() && s.Elapsed(s.EndedAt) > 0
	v.Suspects = newSuspects()
	if s.Round != "" {
		round, err := p.o.Service.Round(ctx, c, s.Round)
		if err != nil {
			return nil, err
		}
		v.Round = &round
	}
	var events []challenge.Event
	if v.Joined || l.facilitator() {
		if v.Briefing, err = p.o.Service.Briefing(ctx, c, id); err != nil {
			return nil, err
		}
		if events, err = p.o.Service.Timeline(ctx, c, id); err != nil {
			return nil, err
		}
		v.tell(events)
	}
	v.Tag = tag(s.Version, events)
	if v.Paged && (v.Joined || l.facilitator()) {
		if err := p.contest(ctx, c, v); err != nil {
			return nil, err
		}
	}
	v.Controls = controlsOf(v)
	return v, nil
}

// takesPart tells whether somebody is one of the players. The Service would refuse, and audit, what only those may see.
func takesPart(l *login, players []challenge.Participant) bool {
	return !l.facilitator() && slices.ContainsFunc(players, func(o challenge.Participant) bool { return o.Player == l.name })
}

// tell sorts the timeline into what the page shows, newest first.
func (v *sessionPage) tell(events []challenge.Event) {
	for _, e := range slices.Backward(events) {
		if e.Kind == challenge.ChangeEvent {
			v.Changes = append(v.Changes, e)
		} else {
			v.Events = append(v.Events, e)
		}
		if v.Newest == "" && (e.Kind == challenge.Announcement || e.Kind == challenge.Injected) {
			v.Newest = fmt.Sprintf("%s: %s", e.Title, e.Text)
		}
	}
}

// contest reads what there is from the page on.
func (p *Pages) contest(ctx context.Context, c challenge.Call, v *sessionPage) (err error) {
	id := v.Session.ID
	v.Diagram = parseDiagram(v.Briefing.Scenario.Diagram)
	v.Drawing = draw(v.Diagram)
	if v.Submissions, err = p.o.Service.Submissions(ctx, c, id); err != nil {
		return err
	}
	slices.Reverse(v.Submissions)
	if v.Round != nil {
		v.Board, err = p.o.Service.RoundBoard(ctx, c, v.Round.ID)
	} else {
		v.Board, err = p.o.Service.SessionBoard(ctx, c, id)
	}
	if err != nil {
		return err
	}
	if !v.Joined {
		return nil
	}
	if v.Hypotheses, err = p.o.Service.Hypotheses(ctx, c, id); err != nil {
		return err
	}
	if v.Standing, err = p.o.Service.Standing(ctx, c, id); err != nil {
		return err
	}
	v.Lock = lockOf(&v.Session, v.Standing, v.Now)
	return nil
}

// hypothesis adds to the notebook, or changes a status there.
func (p *Pages) hypothesis(w http.ResponseWriter, r *http.Request, l *login) error {
	ctx, c, id := r.Context(), p.call(r, l), r.PathValue("id")
	var err error
	if number := r.PostForm.Get("number"); number != "" {
		var n int64
		if _, err = fmt.Sscan(number, &n); err != nil {
			return challenge.Errorf(challenge.NotFound, "there is no hypothesis %q", number)
		}
		_, err = p.o.Service.SetHypothesis(ctx, c, id, n, challenge.HypothesisStatus(r.PostForm.Get("status")))
	} else {
		_, err = p.o.Service.AddHypothesis(ctx, c, id, r.PostForm.Get("text"))
	}
	return p.done(w, r, l, err, "hypothesis", "", "#notebook")
}

// done answers a form of a session's page: with the page again, what was wrong beside the form, or by sending
// the browser to it.
func (p *Pages) done(w http.ResponseWriter, r *http.Request, l *login, err error, name, said, anchor string) error {
	switch {
	case err == nil:
		l.say(said)
		http.Redirect(w, r, "/session/"+r.PathValue("id")+anchor, http.StatusSeeOther)
		return nil
	case unexpected(err):
		return err
	}
	return p.showSession(w, r, l, statusOf(err), p.refused(r, name, err), nil)
}

// tag changes whenever the page of a session does: with its version, and when the time of a change of the scenario comes.
func tag(version int64, events []challenge.Event) string {
	return fmt.Sprintf("%d.%d", version, len(events))
}

// streamBeat is how often a stream is alive, and how late a page may see what no version tells.
const streamBeat = 5 * time.Second

// stream sends the tag of a session's page, and the server's time, whenever it may have changed and every few seconds.
func (p *Pages) stream(w http.ResponseWriter, r *http.Request, l *login) error {
	if !l.watch(1) {
		return challenge.Errorf(challenge.TooMany, "%d pages of this login are open, which is as many as can be; close one", maxStreams)
	}
	defer l.watch(-1)
	ctx, c, id := r.Context(), p.call(r, l), r.PathValue("id")
	players, err := p.o.Service.Participants(ctx, c, id) // refuses who may not see the session
	if err != nil {
		return err
	}
	inside := l.facilitator() || takesPart(l, players)
	changes, err := p.o.Service.Watch(ctx, id)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would keep events back
	out, version := http.NewResponseController(w), <-changes
	_ = out.SetReadDeadline(time.Time{}) // httpapi.NewServer has one for whole requests
	beat := time.NewTicker(streamBeat)
	defer beat.Stop()
	for {
		var events []challenge.Event
		if inside {
			if events, err = p.o.Service.Timeline(ctx, c, id); err != nil {
				return nil // the browser asks again, and is told
			}
		}
		_ = out.SetWriteDeadline(time.Now().Add(2 * streamBeat)) // a browser that takes nothing is gone
		if _, err := fmt.Fprintf(w, "data: %d %s\n\n", p.now().UnixMilli(), tag(version, events)); err != nil {
			return nil
		}
		if err := out.Flush(); err != nil {
			return nil
		}
		select {
		case <-p.ended:
			return nil
		case v, ok := <-changes:
			if !ok {
				return nil
			}
			version = v
		case <-beat.C:
			if now, err := p.who(r); err != nil || now != l {
				return nil // logged out
			}
		}
	}
}
