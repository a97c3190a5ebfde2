package httpapi

import (
	"bytes"
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2/negotiation"

	"firedrill/internal/challenge"
	"firedrill/internal/httpapi/wire"
)

const (
	boardTag      = "Leaderboards and debriefs"
	mediaCSV      = "text/csv"
	mediaMarkdown = "text/markdown"
)

// Tabular is part of the input of what is a table.
type Tabular struct {
	Format string `query:"format" enum:"json,csv" doc:"Goes before the header Accept."`
	Accept string `header:"Accept" maxLength:"1024" doc:"application/json or text/csv." hidden:"true"`
}

// wants tells whether the alternative to JSON is asked for.
func wants(format, accept, name, media string) bool {
	if format != "" {
		return format == name
	}
	return negotiation.SelectQValue(accept, []string{mediaJSON, media}) == media
}

// board answers with a leaderboard.
func board[A, B any](a *API, in Tabular, ranks []A, view func(A) B, header []string, row func(B) []string) (*document, error) {
	items := list(a, ranks, "", view)
	if !wants(in.Format, in.Accept, "csv", mediaCSV) {
		return &document{ContentType: mediaJSON, Body: items}, nil
	}
	text, err := writeCSV(header, items.Items, row)
	return &document{ContentType: mediaCSV + "; charset=utf-8; header=present", Body: text}, err
}

func (a *API) registerBoards() {
	csv := []string{mediaCSV}
	type sessionIn struct {
		InSession
		Tabular
	}
	addDocument[wire.List[wire.Rank]](a, op{
		id: "get-session-leaderboard", method: http.MethodGet, path: "/sessions/{id}/leaderboard", tag: boardTag, types: csv,
		summary: "Rank the players of a session",
		text:    "Those who are right come first, by their time with penalties; then who had fewer wrong suspects. Before the end it shows who is right already.",
		codes:   []challenge.Code{challenge.NotFound},
	}, func(ctx context.Context, c challenge.Call, in *sessionIn) (*document, error) {
		ranks, err := a.o.Service.SessionBoard(ctx, c, in.ID)
		if err != nil {
			return nil, err
		}
		return board(a, in.Tabular, ranks, viewRank, rankHeader, rankRow)
	})
	type roundIn struct {
		InRound
		Tabular
	}
	addDocument[wire.List[wire.Rank]](a, op{
		id: "get-round-leaderboard", method: http.MethodGet, path: "/rounds/{id}/leaderboard", tag: boardTag, types: csv,
		summary: "Rank the players of a round", text: "As in a session.",
		codes: []challenge.Code{challenge.NotFound},
	}, func(ctx context.Context, c challenge.Call, in *roundIn) (*document, error) {
		ranks, err := a.o.Service.RoundBoard(ctx, c, in.ID)
		if err != nil {
			return nil, err
		}
		return board(a, in.Tabular, ranks, viewRank, rankHeader, rankRow)
	})
	type seasonIn struct {
		Season string `path:"season" maxLength:"100" doc:"Name of the season." example:"2026-autumn"`
		Tabular
	}
	addDocument[wire.List[wire.SeasonRank]](a, op{
		id: "get-season-leaderboard", method: http.MethodGet, path: "/seasons/{season}/leaderboard", tag: boardTag, types: csv,
		summary: "Rank the players of a season", text: "More rounds solved come first, then less time over those, then fewer wrong suspects.",
	}, func(ctx context.Context, c challenge.Call, in *seasonIn) (*document, error) {
		ranks, err := a.o.Service.SeasonBoard(ctx, c, in.Season)
		if err != nil {
			return nil, err
		}
		return board(a, in.Tabular, ranks, viewSeasonRank, seasonHeader, seasonRow)
	})
	type debriefIn struct {
		InSession
		Format string `query:"format" enum:"json,md" doc:"Goes before the header Accept."`
		Accept string `header:"Accept" maxLength:"1024" doc:"application/json or text/markdown." hidden:"true"`
	}
	addDocument[wire.Debrief](a, op{
		id: "get-debrief", method: http.MethodGet, path: "/sessions/{id}/debrief", tag: boardTag, types: []string{mediaMarkdown},
		summary: "Show the debrief",
		text:    "The answer, the causal chain, the decoys, and everybody's suspects, hypotheses and questions, once the answer was revealed.",
		codes:   []challenge.Code{challenge.NotFound, challenge.WrongState},
	}, func(ctx context.Context, c challenge.Call, in *debriefIn) (*document, error) {
		select {
		case a.debriefs <- struct{}{}:
			defer func() { <-a.debriefs }()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		d, err := a.o.Service.Debrief(ctx, c, in.ID)
		if err != nil {
			return nil, err
		}
		if !wants(in.Format, in.Accept, "md", mediaMarkdown) {
			return &document{ContentType: mediaJSON, Body: viewDebrief(d, a.o.Now())}, nil
		}
		var b bytes.Buffer
		err = d.Markdown(&b)
		return &document{ContentType: mediaMarkdown + "; charset=utf-8", Body: b.Bytes()}, err
	})
}
