package web

import (
	"net/http"
	"slices"

	"firedrill/internal/challenge"
)

// roundPage is a round.
type roundPage struct {
	base
	Round    challenge.Round
	Open     bool
	Mine     *challenge.Session // the reader's session
	Board    []challenge.Rank
	Sessions []challenge.Session // for facilitators
}

func (p *Pages) round(w http.ResponseWriter, r *http.Request, l *login) error {
	return p.showRound(w, r, l, http.StatusOK, form{})
}

func (p *Pages) showRound(w http.ResponseWriter, r *http.Request, l *login, status int, f form) error {
	ctx, c, id := r.Context(), p.call(r, l), r.PathValue("id")
	round, err := p.o.Service.Round(ctx, c, id)
	if err != nil {
		return err
	}
	v := roundPage{base: p.base(r, l, round.Title), Round: round}
	v.Open, v.Self, v.Poll, v.form = round.Open(v.Now), "/round/"+id, pollLists, f
	if v.Board, err = p.o.Service.RoundBoard(ctx, c, id); err != nil {
		return err
	}
	list, _, err := p.o.Service.Sessions(ctx, c, challenge.SessionFilter{Round: id, Page: challenge.Page{Limit: challenge.MaxLimit}})
	if err != nil {
		return err
	}
	if l.facilitator() {
		v.Sessions = list
	} else if i := slices.IndexFunc(list, func(s challenge.Session) bool { return s.Round == id }); i >= 0 {
		v.Mine = &list[i]
	}
	p.render(w, r, status, "round", v)
	return nil
}

// roundCommand is what one does with a round: join, or close and reveal it.
func (p *Pages) roundCommand(w http.ResponseWriter, r *http.Request, l *login) (err error) {
	ctx, c, id, to := r.Context(), p.call(r, l), r.PathValue("id"), "/round/"+r.PathValue("id")
	action := r.PathValue("action")
	switch action {
	case "join":
		var s challenge.Session
		if s, err = p.o.Service.Join(ctx, c, id); err == nil {
			to = "/session/" + s.ID
		}
	case "close":
		if err = confirmed(r); err == nil {
			_, err = p.o.Service.CloseRound(ctx, c, id)
		}
	case "reveal":
		if err = confirmed(r); err == nil {
			_, err = p.o.Service.RevealRound(ctx, c, id)
		}
	default:
		return p.nowhere(w, r, l)
	}
	switch {
	case err == nil:
		http.Redirect(w, r, to, http.StatusSeeOther)
		return nil
	case unexpected(err):
		return err
	}
	return p.showRound(w, r, l, statusOf(err), p.refused(r, action, err))
}

// seasonPage is the leaderboard of a season.
type seasonPage struct {
	base
	Season string
	Board  []challenge.SeasonRank
}

func (p *Pages) season(w http.ResponseWriter, r *http.Request, l *login) error {
	name := r.PathValue("name")
	board, err := p.o.Service.SeasonBoard(r.Context(), p.call(r, l), name)
	if err != nil {
		return err
	}
	v := seasonPage{p.base(r, l, "Season "+name), name, board}
	v.Self, v.Poll = r.URL.EscapedPath(), pollLists
	p.render(w, r, http.StatusOK, "season", v)
	return nil
}
