package httpapi

import (
	"context"
	"net/http"

	"firedrill/internal/challenge"
	"firedrill/internal/httpapi/wire"
)

const roundsTag = "Rounds"

func (a *API) round(r challenge.Round, err error) (wire.Round, error) {
	if err != nil {
		return wire.Round{}, err
	}
	return viewRound(r, a.o.Now()), nil
}

func (a *API) registerRounds() {
	type newRoundIn struct {
		Keyed
		Body wire.NewRound
	}
	add(a, op{
		id: "create-round", method: http.MethodPost, path: "/rounds", tag: roundsTag, status: http.StatusCreated, only: challenge.FacilitatorRole,
		summary: "Create a round", text: "Opens a scenario for a window of at most 30 days, in which everybody who joins plays a session of their own.",
		codes: []challenge.Code{challenge.Conflict},
	}, func(ctx context.Context, c challenge.Call, in *newRoundIn) (wire.Round, error) {
		b := in.Body
		return a.round(a.o.Service.CreateRound(ctx, c, challenge.NewRound{
			Scenario: b.Scenario, Title: b.Title, Difficulty: b.Difficulty, Season: b.Season,
			Opens: b.Opens.Time, Closes: b.Closes.Time, Timebox: b.Timebox.Duration(),
		}))
	})
	add(a, op{
		id: "list-rounds", method: http.MethodGet, path: "/rounds", tag: roundsTag,
		summary: "List rounds", text: "The newest come first.",
	}, func(ctx context.Context, c challenge.Call, in *struct{ Paged }) (wire.List[wire.Round], error) {
		found, next, err := a.o.Service.Rounds(ctx, c, in.page())
		if err != nil {
			return wire.List[wire.Round]{}, err
		}
		now := a.o.Now()
		return list(a, found, next, func(r challenge.Round) wire.Round { return viewRound(r, now) }), nil
	})
	add(a, op{
		id: "get-round", method: http.MethodGet, path: "/rounds/{id}", tag: roundsTag,
		summary: "Show a round", codes: []challenge.Code{challenge.NotFound},
	}, func(ctx context.Context, c challenge.Call, in *struct{ InRound }) (wire.Round, error) {
		return a.round(a.o.Service.Round(ctx, c, in.ID))
	})
	type changeIn struct {
		Keyed
		InRound
	}
	for _, o := range []struct {
		name, summary, text string
		do                  func(context.Context, challenge.Call, string) (challenge.Round, error)
	}{
		{"close", "Close a round", "Now, which ends its sessions.", a.o.Service.CloseRound},
		{"reveal", "Reveal the answer of a round", "Opens the debriefs of all its sessions, once it has closed.", a.o.Service.RevealRound},
	} {
		add(a, op{
			id: o.name + "-round", method: http.MethodPost, path: "/rounds/{id}/" + o.name, tag: roundsTag, only: challenge.FacilitatorRole,
			summary: o.summary, text: o.text, codes: []challenge.Code{challenge.NotFound, challenge.Conflict, challenge.WrongState},
		}, func(ctx context.Context, c challenge.Call, in *changeIn) (wire.Round, error) {
			return a.round(o.do(ctx, c, in.ID))
		})
	}
}
