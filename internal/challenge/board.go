package challenge

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
)

// entrant is one line of a leaderboard before it is ranked.
type entrant struct {
	player  string
	session *Session
	subs    []Submission // of the player in the session, in order
}

// rank makes a leaderboard as it is at now. Of those who are not right, fewer wrong ones come first: their time says nothing.
func rank(entrants []entrant, now time.Time) []Rank {
	out := make([]Rank, 0, len(entrants))
	for _, e := range entrants {
		st := standing(e.player, e.subs, e.session.Elapsed(now))
		r := Rank{
			Player: e.player, Session: e.session.ID, Correct: st.Correct, Elapsed: st.Elapsed,
			Wrong: st.Wrong, Penalty: st.Penalty, Total: st.Elapsed + st.Penalty,
		}
		if i := slices.IndexFunc(e.subs, func(s Submission) bool { return s.Correct }); i >= 0 {
			r.At = e.subs[i].At
		}
		out = append(out, r)
	}
	place(out, compareRanks, func(r *Rank) (*int, string) { return &r.Rank, r.Player })
	return out
}

func compareRanks(a, b Rank) int {
	if a.Correct != b.Correct {
		return before(a.Correct)
	}
	if a.Correct {
		if c := cmp.Compare(a.Total, b.Total); c != 0 {
			return c
		}
	}
	return cmp.Compare(a.Wrong, b.Wrong)
}

// before is what to compare when only one of two has what puts it first.
func before(first bool) int {
	if first {
		return -1
	}
	return 1
}

// place sorts a leaderboard and numbers it from 1. Those that compare as equal share a place, and stand by name; the places that
// they take up are left out after them.
func place[T any](list []T, compare func(a, b T) int, line func(*T) (place *int, player string)) {
	slices.SortFunc(list, func(a, b T) int {
		if c := compare(a, b); c != 0 {
			return c
		}
		_, x := line(&a)
		_, y := line(&b)
		return strings.Compare(x, y)
	})
	for i := range list {
		p, _ := line(&list[i])
		*p = i + 1
		if i > 0 && compare(list[i-1], list[i]) == 0 {
			same, _ := line(&list[i-1])
			*p = *same
		}
	}
}

// season adds up the leaderboards of the rounds of a season.
func season(rounds [][]Rank) []SeasonRank {
	players := map[string]*SeasonRank{}
	for _, ranks := range rounds {
		for _, r := range ranks {
			p := players[r.Player]
			if p == nil {
				p = &SeasonRank{Player: r.Player}
				players[r.Player] = p
			}
			p.Played++
			p.Wrong += r.Wrong
			if r.Correct {
				p.Solved++
				p.Total += r.Total
			}
		}
	}
	out := make([]SeasonRank, 0, len(players))
	for _, p := range players {
		out = append(out, *p)
	}
	place(out, func(a, b SeasonRank) int {
		return cmp.Or(cmp.Compare(b.Solved, a.Solved), cmp.Compare(a.Total, b.Total), cmp.Compare(a.Wrong, b.Wrong))
	}, func(r *SeasonRank) (*int, string) { return &r.Rank, r.Player })
	return out
}

// SessionBoard ranks the players of a session. While it is live it shows who is right already, and how many wrong suspects
// everybody had.
func (s *Service) SessionBoard(ctx context.Context, c Call, id string) ([]Rank, error) {
	var out []Rank
	err := s.view(ctx, c, id, "session.board", Call.mayRead, func(tx Tx, v *Session, now time.Time) (err error) {
		out, err = sessionBoard(tx, v, now)
		return err
	})
	return out, err
}

func sessionBoard(tx Tx, v *Session, now time.Time) ([]Rank, error) {
	players, err := tx.Participants(v.ID)
	if err != nil {
		return nil, err
	}
	subs, err := tx.Submissions(v.ID, "")
	if err != nil {
		return nil, err
	}
	return rank(enter(players, map[string]*Session{v.ID: v}, subs), now), nil
}

// enter gathers the submissions of each player in each session.
func enter(players []Participant, sessions map[string]*Session, subs []Submission) []entrant {
	own := map[[2]string][]Submission{}
	for _, sub := range subs {
		k := [2]string{sub.Session, sub.Player}
		own[k] = append(own[k], sub)
	}
	out := make([]entrant, 0, len(players))
	for _, p := range players {
		out = append(out, entrant{p.Player, sessions[p.Session], own[[2]string{p.Session, p.Player}]})
	}
	return out
}

// RoundBoard ranks the players of a round. Everybody may see it; only facilitators see the sessions.
func (s *Service) RoundBoard(ctx context.Context, c Call, id string) ([]Rank, error) {
	var out []Rank
	if err := checkCall(c); err != nil {
		return nil, err
	}
	err := s.o.Store.View(ctx, func(tx Tx) error {
		if _, err := findRound(tx, id); err != nil {
			return err
		}
		var err error
		out, err = roundBoard(tx, id, s.now())
		return err
	})
	return hideSessions(out, c), err
}

// hideSessions leaves out which sessions other players have.
func hideSessions(ranks []Rank, c Call) []Rank {
	for i := range ranks {
		if c.Role != FacilitatorRole && ranks[i].Player != c.Name {
			ranks[i].Session = ""
		}
	}
	return ranks
}

func roundBoard(tx Tx, id string, now time.Time) ([]Rank, error) {
	list, err := allSessions(tx, SessionFilter{Round: id})
	if err != nil {
		return nil, err
	}
	subs, err := tx.RoundSubmissions(id)
	if err != nil {
		return nil, err
	}
	var players []Participant
	sessions := map[string]*Session{}
	for _, v := range list {
		if v = v.AsOf(now); v.Unranked {
			continue
		}
		sessions[v.ID] = &v
		players = append(players, Participant{Session: v.ID, Player: v.CreatedBy}) // whoever joins a round creates the session
	}
	return rank(enter(players, sessions, subs), now), nil
}

// SeasonBoard ranks the players of all rounds of a season. Everybody may see it.
func (s *Service) SeasonBoard(ctx context.Context, c Call, name string) ([]SeasonRank, error) {
	if err := checkCall(c); err != nil {
		return nil, err
	}
	if err := checkLine("season", name, maxSeason); err != nil {
		return nil, err
	}
	if name = strings.TrimSpace(name); name == "" {
		return nil, invalidf("season", "name a season")
	}
	var out []SeasonRank
	err := s.o.Store.View(ctx, func(tx Tx) error {
		rounds, err := tx.SeasonRounds(name)
		if err != nil {
			return err
		}
		now, boards := s.now(), [][]Rank{}
		for _, r := range rounds {
			board, err := roundBoard(tx, r.ID, now)
			if err != nil {
				return err
			}
			boards = append(boards, board)
		}
		out = season(boards)
		return nil
	})
	return out, err
}
