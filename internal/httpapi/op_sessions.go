package httpapi

import (
	"context"
	"net/http"

	"firedrill/internal/challenge"
	"firedrill/internal/httpapi/wire"
)

// register registers all operations, in the order of the documentation.
func (a *API) register() {
	a.registerGeneral()
	a.registerSessions()
	a.registerControls()
	a.registerPlay()
	a.registerBoards()
	a.registerEvents()
	a.registerRounds()
	a.registerTokens()
}

const sessionsTag = "Sessions"

// session answers with a session.
func (a *API) session(s challenge.Session, err error) (wire.Session, error) {
	if err != nil {
		return wire.Session{}, err
	}
	return viewSession(s, a.o.Now()), nil
}

type newSessionIn struct {
	Keyed
	Body wire.NewSession
}

type sessionsIn struct {
	Paged
	State  []string `query:"state" maxItems:"7" enum:"scheduled,loading,lobby,live,paused,ended,debrief" doc:"Only sessions in one of these states, separated by commas."`
	Mode   string   `query:"mode" enum:"solo,live,round" doc:"Only sessions of this mode."`
	Round  string   `query:"round" maxLength:"64" doc:"Only sessions of this round."`
	Player string   `query:"player" maxLength:"190" doc:"Only sessions in which this player takes part."`
}

func (in *sessionsIn) filter() challenge.SessionFilter {
	f := challenge.SessionFilter{Mode: challenge.Mode(in.Mode), Round: in.Round, Player: in.Player, Page: in.page()}
	for _, s := range in.State {
		f.States = append(f.States, challenge.State(s))
	}
	return f
}

func (a *API) registerSessions() {
	add(a, op{
		id: "create-session", method: http.MethodPost, path: "/sessions", tag: sessionsTag, status: http.StatusCreated,
		summary: "Create a session",
		text:    "It is scheduled then. A player creates a solo session, which is theirs and their current one; there can be one that is not over.",
		codes:   []challenge.Code{challenge.Conflict, challenge.WrongState},
	}, func(ctx context.Context, c challenge.Call, in *newSessionIn) (wire.Session, error) {
		b := in.Body
		return a.session(a.o.Service.CreateSession(ctx, c, challenge.NewSession{
			Scenario: b.Scenario, Title: b.Title, Mode: challenge.Mode(b.Mode), Difficulty: b.Difficulty,
			Timebox: b.Timebox.Duration(), PageAt: b.PageAt.Time,
		}))
	})
	add(a, op{
		id: "list-sessions", method: http.MethodGet, path: "/sessions", tag: sessionsTag,
		summary: "List sessions",
		text: "The newest come first. Players get their own, or with the mode live and without a player those that are not over. " +
			"A page may hold fewer entries than asked for and still not be the last.",
	}, func(ctx context.Context, c challenge.Call, in *sessionsIn) (wire.List[wire.Session], error) {
		found, next, err := a.o.Service.Sessions(ctx, c, in.filter())
		if err != nil {
			return wire.List[wire.Session]{}, err
		}
		now := a.o.Now()
		return list(a, found, next, func(s challenge.Session) wire.Session { return viewSession(s, now) }), nil
	})
	add(a, op{
		id: "get-session", method: http.MethodGet, path: "/sessions/{id}", tag: sessionsTag,
		summary: "Show a session",
		text:    "Players see their own sessions, and live ones that are not over.",
		codes:   []challenge.Code{challenge.NotFound},
	}, func(ctx context.Context, c challenge.Call, in *struct{ InSession }) (wire.Session, error) {
		return a.session(a.o.Service.Session(ctx, c, in.ID))
	})
	add(a, op{
		id: "list-participants", method: http.MethodGet, path: "/sessions/{id}/participants", tag: sessionsTag,
		summary: "List who takes part", text: "In the order in which they joined.",
		codes: []challenge.Code{challenge.NotFound},
	}, func(ctx context.Context, c challenge.Call, in *struct{ InSession }) (wire.List[wire.Participant], error) {
		found, err := a.o.Service.Participants(ctx, c, in.ID)
		if err != nil {
			return wire.List[wire.Participant]{}, err
		}
		return list(a, found, "", viewParticipant), nil
	})
}
