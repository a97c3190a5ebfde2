package httpapi

import (
	"context"
	"net/http"

	"firedrill/internal/challenge"
	"firedrill/internal/httpapi/wire"
)

const controlTag = "Running a session"

// control is the input of operations on a session that say nothing more.
type control struct {
	Keyed
	InSession
}

// controlBody is the input of those that do.
type controlBody[T any] struct {
	Keyed
	InSession
	Body T
}

// registerControls registers what facilitators, and players in their own solo sessions, do to sessions.
func (a *API) registerControls() {
	s := a.o.Service
	for _, o := range []struct {
		name, summary, text string
		do                  func(context.Context, challenge.Call, string) (challenge.Session, error)
	}{
		{"start", "Start a session", "Its history is loaded at once, and the page comes as soon as that is done.", s.Start},
		{"pause", "Pause a session", "The clock stands, and the evidence has a gap. A solo session that was paused is unranked.", s.Pause},
		{"resume", "Resume a session", "The clock goes on.", s.Resume},
		{"end", "End a session", "One that was never started is cancelled by it.", s.End},
		{"reveal", "Reveal the answer", "Opens the debrief of a session that is over. Solo sessions are open when they end, those of a round are opened with it.", s.Reveal},
	} {
		a.addControl(o.name, o.summary, o.text, o.do)
	}
	addControlBody(a, "schedule", "Schedule the page", "Plans when the page of a session that has not started comes; loading begins early enough.", "",
		func(ctx context.Context, c challenge.Call, id string, b wire.Schedule) (challenge.Session, error) {
			return s.Schedule(ctx, c, id, b.PageAt.Time)
		})
	addControlBody(a, "speed", "Change the speed", "For rehearsals: a session that went at any other speed than 1 is unranked.", challenge.FacilitatorRole,
		func(ctx context.Context, c challenge.Call, id string, b wire.Speed) (challenge.Session, error) {
			return s.SetSpeed(ctx, c, id, b.Speed)
		})
	addControlBody(a, "extend", "Extend the time box", "By up to 4 h at a time, to 24 h in all. The end of a round stays.", challenge.FacilitatorRole,
		func(ctx context.Context, c challenge.Call, id string, b wire.Extension) (challenge.Session, error) {
			return s.Extend(ctx, c, id, b.By.Duration())
		})
	add(a, publishing("announce", "announcements", "Tell something to all players", "It appears in the timeline of a session that is not over."),
		func(ctx context.Context, c challenge.Call, in *controlBody[wire.Announcement]) (wire.Event, error) {
			return event(s.Announce(ctx, c, in.ID, in.Body.Text))
		})
	add(a, publishing("inject", "injects", "Inject a prepared event", "Adds one of the scenario's events to the timeline of a running session, once."),
		func(ctx context.Context, c challenge.Call, in *controlBody[wire.Inject]) (wire.Event, error) {
			return event(s.Inject(ctx, c, in.ID, in.Body.Inject))
		})
}

// controlCodes are those of what is done to a session.
var controlCodes = []challenge.Code{challenge.NotFound, challenge.Conflict, challenge.WrongState, challenge.Over}

func (a *API) addControl(name, summary, text string, do func(context.Context, challenge.Call, string) (challenge.Session, error)) {
	add(a, op{
		id: name + "-session", method: http.MethodPost, path: "/sessions/{id}/" + name, tag: controlTag,
		summary: summary, text: text + " For facilitators, and players in a solo session that they created.", codes: controlCodes,
	}, func(ctx context.Context, c challenge.Call, in *control) (wire.Session, error) {
		return a.session(do(ctx, c, in.ID))
	})
}

func addControlBody[T any](a *API, name, summary, text string, only challenge.Role, do func(context.Context, challenge.Call, string, T) (challenge.Session, error)) {
	if only == "" {
		text += " For facilitators, and players in a solo session that they created."
	}
	add(a, op{
		id: name + "-session", method: http.MethodPost, path: "/sessions/{id}/" + name, tag: controlTag,
		summary: summary, text: text, only: only, codes: controlCodes,
	}, func(ctx context.Context, c challenge.Call, in *controlBody[T]) (wire.Session, error) {
		return a.session(do(ctx, c, in.ID, in.Body))
	})
}

// publishing is an operation that adds to a timeline.
func publishing(id, path, summary, text string) op {
	return op{
		id: id, method: http.MethodPost, path: "/sessions/{id}/" + path, tag: controlTag, status: http.StatusCreated,
		summary: summary, text: text, only: challenge.FacilitatorRole, codes: controlCodes,
	}
}

func event(e challenge.Event, err error) (wire.Event, error) {
	if err != nil {
		return wire.Event{}, err
	}
	return viewEvent(e), nil
}
