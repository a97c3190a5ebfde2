package httpapi

import (
	"context"
	"net/http"

	"firedrill/internal/challenge"
	"firedrill/internal/httpapi/wire"
)

const playTag = "Playing"

// registerPlay registers what players do and see.
func (a *API) registerPlay() {
	a.registerJoining()
	a.registerBriefing()
	a.registerSubmissions()
	a.registerHypotheses()
}

func (a *API) registerJoining() {
	type joinIn struct {
		Keyed
		Body wire.Join
	}
	add(a, op{
		id: "join", only: challenge.PlayerRole, method: http.MethodPost, path: "/me/session", tag: playTag,
		summary: "Join a session or a round",
		text: "It becomes the player's current session, whose evidence Grafana shows. In a round the first join creates the player's own session, " +
			"which starts at once; later ones return to it. A session that is over can only be joined again, to look back.",
		codes: []challenge.Code{challenge.NotFound, challenge.Conflict, challenge.WrongState, challenge.Over},
	}, func(ctx context.Context, c challenge.Call, in *joinIn) (wire.Session, error) {
		return a.session(a.o.Service.Join(ctx, c, in.Body.ID))
	})
	add(a, op{
		id: "get-current-session", method: http.MethodGet, path: "/me/session", tag: playTag,
		summary: "Show the current session", text: "The one that the caller joined last, over or not.",
		codes: []challenge.Code{challenge.NoSession},
	}, func(ctx context.Context, c challenge.Call, _ *struct{}) (wire.Session, error) {
		return a.session(a.o.Service.Current(ctx, c))
	})
}

func (a *API) registerBriefing() {
	add(a, op{
		id: "get-briefing", method: http.MethodGet, path: "/sessions/{id}/briefing", tag: playTag,
		summary: "Show the briefing",
		text:    "What the players of a session may know: brief, page, catalogue, diagram, what to choose suspects from, rules. The change log is in the timeline.",
		codes:   []challenge.Code{challenge.NotFound},
	}, func(ctx context.Context, c challenge.Call, in *struct{ InSession }) (wire.Briefing, error) {
		b, err := a.o.Service.Briefing(ctx, c, in.ID)
		if err != nil {
			return wire.Briefing{}, err
		}
		return viewBriefing(b, a.o.Now()), nil
	})
	add(a, op{
		id: "get-timeline", method: http.MethodGet, path: "/sessions/{id}/timeline", tag: playTag,
		summary: "Show the timeline", text: "The page, the change log, announcements, injects and what was done to the session, up to now, the oldest first.",
		codes: []challenge.Code{challenge.NotFound},
	}, func(ctx context.Context, c challenge.Call, in *struct{ InSession }) (wire.List[wire.Event], error) {
		found, err := a.o.Service.Timeline(ctx, c, in.ID)
		if err != nil {
			return wire.List[wire.Event]{}, err
		}
		return list(a, found, "", viewEvent), nil
	})
}

// submitIn has a key that is required: a suspect that is counted twice costs twice.
type submitIn struct {
	InSession
	Key  string `header:"Idempotency-Key" required:"true" minLength:"1" maxLength:"200" doc:"New for each submission: a request that is repeated with its key is counted once." example:"5b1e0c1a-7a53-4a0b"`
	Body wire.NewSubmission
}

func (in *submitIn) key() string { return in.Key }

func (a *API) registerSubmissions() {
	add(a, op{
		id: "submit", only: challenge.PlayerRole, method: http.MethodPost, path: "/sessions/{id}/suspects", tag: playTag, status: http.StatusCreated,
		summary: "Submit suspects",
		text: "The answer says whether they are right, and nothing more. A wrong submission adds a penalty to the player's time, and locks the player out for a " +
			"while that doubles with each. What arrives after the deadline is refused by the server's clock, whenever it was sent.",
		codes: []challenge.Code{challenge.NotFound, challenge.Conflict, challenge.WrongState, challenge.Over, challenge.LockedOut, challenge.AlreadyRight},
	}, func(ctx context.Context, c challenge.Call, in *submitIn) (wire.Submission, error) {
		n := challenge.NewSubmission{NothingBroken: in.Body.NothingBroken, Reasoning: in.Body.Reasoning}
		for _, x := range in.Body.Suspects {
			n.Suspects = append(n.Suspects, challenge.Suspect{Component: x.Component, Cause: x.Cause, Onset: x.Onset.Time})
		}
		s, err := a.o.Service.Submit(ctx, c, in.ID, n)
		if err != nil {
			return wire.Submission{}, err
		}
		return viewSubmission(s, a.o.Now()), nil
	})
	add(a, op{
		id: "list-submissions", method: http.MethodGet, path: "/sessions/{id}/suspects", tag: playTag,
		summary: "List submissions", text: "The caller's own, or for facilitators everybody's, in the order in which they were counted.",
		codes: []challenge.Code{challenge.NotFound},
	}, func(ctx context.Context, c challenge.Call, in *struct{ InSession }) (wire.List[wire.Submission], error) {
		found, err := a.o.Service.Submissions(ctx, c, in.ID)
		if err != nil {
			return wire.List[wire.Submission]{}, err
		}
		now := a.o.Now()
		return list(a, found, "", func(s challenge.Submission) wire.Submission { return viewSubmission(s, now) }), nil
	})
	add(a, op{
		id: "get-standing", only: challenge.PlayerRole, method: http.MethodGet, path: "/sessions/{id}/standing", tag: playTag,
		summary: "Show where the caller stands", text: "Whether the cause was found, what wrong suspects have cost, and when the next one is possible.",
		codes: []challenge.Code{challenge.NotFound},
	}, func(ctx context.Context, c challenge.Call, in *struct{ InSession }) (wire.Standing, error) {
		s, err := a.o.Service.Session(ctx, c, in.ID)
		if err != nil {
			return wire.Standing{}, err
		}
		st, err := a.o.Service.Standing(ctx, c, in.ID)
		if err != nil {
			return wire.Standing{}, err
		}
		return viewStanding(st, s, a.o.Now()), nil
	})
}

func (a *API) registerHypotheses() {
	add(a, op{
		id: "add-hypothesis", only: challenge.PlayerRole, method: http.MethodPost, path: "/sessions/{id}/hypotheses", tag: playTag, status: http.StatusCreated,
		summary: "Write down a hypothesis", text: "Into the player's notebook, which nobody else sees before the debrief.",
		codes: []challenge.Code{challenge.NotFound, challenge.Conflict, challenge.Over},
	}, func(ctx context.Context, c challenge.Call, in *controlBody[wire.NewHypothesis]) (wire.Hypothesis, error) {
		return hypothesis(a.o.Service.AddHypothesis(ctx, c, in.ID, in.Body.Text))
	})
	type setIn struct {
		Keyed
		InSession
		Hypothesis int64 `path:"hypothesis" minimum:"1" doc:"ID of the hypothesis." example:"1"`
		Body       wire.HypothesisStatus
	}
	add(a, op{
		id: "set-hypothesis", only: challenge.PlayerRole, method: http.MethodPatch, path: "/sessions/{id}/hypotheses/{hypothesis}", tag: playTag,
		summary: "Discard or confirm a hypothesis", text: "One of the caller's own.",
		codes: []challenge.Code{challenge.NotFound, challenge.Conflict, challenge.Over},
	}, func(ctx context.Context, c challenge.Call, in *setIn) (wire.Hypothesis, error) {
		return hypothesis(a.o.Service.SetHypothesis(ctx, c, in.ID, in.Hypothesis, challenge.HypothesisStatus(in.Body.Status)))
	})
	add(a, op{
		id: "list-hypotheses", only: challenge.PlayerRole, method: http.MethodGet, path: "/sessions/{id}/hypotheses", tag: playTag,
		summary: "List hypotheses", text: "The caller's own, the oldest first.",
		codes: []challenge.Code{challenge.NotFound},
	}, func(ctx context.Context, c challenge.Call, in *struct{ InSession }) (wire.List[wire.Hypothesis], error) {
		found, err := a.o.Service.Hypotheses(ctx, c, in.ID)
		if err != nil {
			return wire.List[wire.Hypothesis]{}, err
		}
		return list(a, found, "", viewHypothesis), nil
	})
}

func hypothesis(h challenge.Hypothesis, err error) (wire.Hypothesis, error) {
	if err != nil {
		return wire.Hypothesis{}, err
	}
	return viewHypothesis(h), nil
}
