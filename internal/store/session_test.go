package store_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"firedrill/internal/challenge"
	"firedrill/internal/store"
)

func TestSession(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store) {
		round := challenge.Round{ID: "r1", Opens: t0, Closes: t0.Add(time.Hour), CreatedAt: t0}
		want := challenge.Session{
			ID: "s1", Title: "T", Mode: challenge.InRound, Scenario: "x", Difficulty: "hard", Round: "r1", CreatedBy: "ann", CreatedAt: t0,
			State: challenge.Paused, PageAt: t0.Add(time.Minute), Timebox: 7 * time.Minute, Closes: t0.Add(time.Hour),
			Clock: challenge.Clock{Page: t0.Add(time.Minute), Pauses: []challenge.Pause{{From: t0.Add(2 * time.Minute), To: t0.Add(3 * time.Minute)}, {From: t0.Add(4 * time.Minute)}}},
			Speed: 2.5, Unranked: true, EndedAt: t0.Add(5 * time.Minute), EndReason: challenge.Failed, Failure: "Loki is gone", Revealed: t0.Add(6 * time.Minute), Version: 4,
		}
		update(t, s, func(tx challenge.Tx) error {
			return errors.Join(tx.InsertRound(round), tx.InsertSession(want, []byte("key\x00\xff")), tx.InsertSession(session(2), []byte("2")))
		})
		get := func(tx challenge.Tx) (challenge.Session, error) { return tx.Session("s1") }
		equal(t, "inserted", read(t, s, get), want)
		equal(t, "the other", read(t, s, func(tx challenge.Tx) (challenge.Session, error) { return tx.Session(session(2).ID) }), session(2))

		want.Title, want.State, want.PageAt, want.Timebox, want.Closes = "T2", challenge.Live, t0, 8*time.Minute, time.Time{}
		want.Clock, want.Speed, want.Unranked = challenge.Clock{Page: t0}, 1, false
		want.EndedAt, want.EndReason, want.Failure, want.Revealed = time.Time{}, "", "", time.Time{}
		other := want
		other.Mode, other.Scenario, other.Difficulty, other.Round, other.CreatedBy, other.CreatedAt = challenge.Solo, "y", "clean", "", "eve", t0.Add(1)
		update(t, s, func(tx challenge.Tx) error { return tx.UpdateSession(other) }) // these stay
		want.Version = 5
		equal(t, "updated", read(t, s, get), want)
		equal(t, "secret", string(read(t, s, func(tx challenge.Tx) ([]byte, error) { return tx.SessionSecret("s1") })), "key\x00\xff")

		for name, err := range map[string]error{
			"Session":       s.View(context.Background(), func(tx challenge.Tx) error { _, err := tx.Session("none"); return err }),
			"SessionSecret": s.View(context.Background(), func(tx challenge.Tx) error { _, err := tx.SessionSecret("none"); return err }),
			"UpdateSession": s.Update(context.Background(), func(tx challenge.Tx) error { return tx.UpdateSession(session(9)) }),
		} {
			if !errors.Is(err, challenge.ErrNotFound) {
				t.Errorf("%s of none: %v, want ErrNotFound", name, err)
			}
		}
		if err := s.Update(context.Background(), func(tx challenge.Tx) error { return tx.InsertSession(want, []byte("k")) }); err == nil {
			t.Error("a second session with the same ID was inserted")
		}
	})
}

func TestSessions(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store) {
		update(t, s, func(tx challenge.Tx) error {
			err := tx.InsertRound(challenge.Round{ID: "r1"})
			for i := 1; i <= 7; i++ {
				v := session(i)
				if i >= 5 {
					v.CreatedAt = session(5).CreatedAt // ties go by ID
				}
				if i%2 == 0 {
					v.Mode, v.State, v.Round = challenge.InRound, challenge.Live, "r1"
				}
				err = errors.Join(err, tx.InsertSession(v, []byte("k")))
				if i%3 == 0 {
					err = errors.Join(err, tx.Join(challenge.Participant{Session: v.ID, Player: "ann", JoinedAt: t0}))
				}
			}
			return err
		})
		for _, c := range []struct {
			name   string
			filter challenge.SessionFilter
			want   []int
		}{
			{"all", challenge.SessionFilter{}, []int{7, 6, 5, 4, 3, 2, 1}},
			{"state", challenge.SessionFilter{States: []challenge.State{challenge.Live}}, []int{6, 4, 2}},
			{"two states", challenge.SessionFilter{States: []challenge.State{challenge.Live, challenge.Scheduled}}, []int{7, 6, 5, 4, 3, 2, 1}},
			{"mode", challenge.SessionFilter{Mode: challenge.Together}, []int{7, 5, 3, 1}},
			{"round", challenge.SessionFilter{Round: "r1"}, []int{6, 4, 2}},
			{"player", challenge.SessionFilter{Player: "ann"}, []int{6, 3}},
			{"all at once", challenge.SessionFilter{States: []challenge.State{challenge.Live}, Mode: challenge.InRound, Round: "r1", Player: "ann"}, []int{6}},
			{"none", challenge.SessionFilter{Round: "r2"}, nil},
		} {
			for _, size := range []int{1, 2, 100} {
				var got, want []string
				for _, n := range c.want {
					want = append(want, session(n).ID)
				}
				pages := 0
				view(t, s, func(tx challenge.Tx) error {
					f := c.filter
					f.Page.Limit = size
					for {
						list, next, err := tx.Sessions(f)
						for _, v := range list {
							got = append(got, v.ID)
						}
						if pages++; err != nil || next == "" {
							return err
						}
						f.Page.After = next
					}
				})
				if !slices.Equal(got, want) {
					t.Errorf("%s by %d: %v, want %v", c.name, size, got, want)
				}
				if most := max(1, (len(want)+size-1)/size); pages != most {
					t.Errorf("%s by %d: %d pages, want %d", c.name, size, pages, most)
				}
			}
		}
	})
}

func TestPageLimits(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store) {
		insert(t, s, challenge.MaxLimit+2)
		for limit, want := range map[int]int{0: challenge.DefaultLimit, -5: challenge.DefaultLimit, 501: challenge.MaxLimit, 1 << 40: challenge.MaxLimit, 3: 3} {
			got := read(t, s, func(tx challenge.Tx) (int, error) {
				list, _, err := tx.Sessions(challenge.SessionFilter{Page: challenge.Page{Limit: limit}})
				return len(list), err
			})
			if got != want {
				t.Errorf("limit %d: %d sessions, want %d", limit, got, want)
			}
		}
	})
}

func TestBadCursors(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store) {
		for _, cursor := range []string{"x", ".", "1", "x.y", "1e3.s", "99999999999999999999.s", "' OR 1=1 --"} {
			p := challenge.Page{After: cursor}
			for name, list := range map[string]func(tx challenge.Tx) error{
				"Sessions": func(tx challenge.Tx) error {
					_, _, err := tx.Sessions(challenge.SessionFilter{Page: p})
					return err
				},
				"Rounds": func(tx challenge.Tx) error { _, _, err := tx.Rounds(p); return err },
				"Audit":  func(tx challenge.Tx) error { _, _, err := tx.Audit("", p); return err },
				"Trail":  func(tx challenge.Tx) error { _, _, err := tx.Trail("s", "p", p); return err },
			} {
				if cursor == "1" && (name == "Audit" || name == "Trail") {
					continue
				}
				var e *challenge.Error
				if err := s.View(context.Background(), list); !errors.As(err, &e) || e.Code != challenge.Invalid || e.Field != "after" {
					t.Errorf("%s after %q: %v, want an Invalid of after", name, cursor, err)
				}
			}
		}
	})
}

func TestSessionVersions(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store) {
		after := int64(0)
		look := func() (changed map[string]int64) {
			view(t, s, func(tx challenge.Tx) (err error) {
				changed, after, err = tx.SessionVersions(after)
				return err
			})
			return changed
		}
		one, two := session(1), session(2)
		equal(t, "at first", look(), map[string]int64{})
		insert(t, s, 2)
		equal(t, "after inserts", look(), map[string]int64{one.ID: 1, two.ID: 1})
		update(t, s, func(tx challenge.Tx) error {
			return errors.Join(tx.UpdateSession(two), tx.UpdateSession(two))
		})
		equal(t, "after updates of one", look(), map[string]int64{two.ID: 3})
		update(t, s, func(tx challenge.Tx) error {
			sub := submission(one.ID, "ann", "k")
			return errors.Join(tx.SetCheckpoint(one.ID, []byte("c")), tx.Join(challenge.Participant{Session: one.ID, Player: "ann"}), tx.InsertSubmissions(&sub))
		})
		equal(t, "after what is not of the session's row", look(), map[string]int64{})
		update(t, s, func(tx challenge.Tx) error { return errors.Join(tx.UpdateSession(one), tx.UpdateSession(two)) })
		equal(t, "after updates of both", look(), map[string]int64{one.ID: 2, two.ID: 4})
	})
}

func TestRounds(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store) {
		var rounds []challenge.Round
		for i := range 5 {
			r := challenge.Round{
				ID: string(rune('a' + i)), Title: "Week", Scenario: "x", Difficulty: "clean", Season: "spring", Opens: t0.Add(-time.Duration(i) * time.Hour),
				Closes: t0.Add(24 * time.Hour), Timebox: time.Hour, CreatedBy: "fay", CreatedAt: t0.Add(time.Duration(i/2) * time.Hour), Version: 3,
			}
			if i == 2 {
				r.Season = ""
			}
			rounds = append(rounds, r)
		}
		update(t, s, func(tx challenge.Tx) (err error) {
			for _, r := range rounds {
				err = errors.Join(err, tx.InsertRound(r))
			}
			return err
		})
		want := rounds[1]
		want.Closes, want.Revealed, want.Title = t0, t0.Add(time.Second), "Week 2"
		update(t, s, func(tx challenge.Tx) error { return tx.UpdateRound(want) })
		want.Version = 4
		rounds[1] = want
		equal(t, "updated", read(t, s, func(tx challenge.Tx) (challenge.Round, error) { return tx.Round("b") }), want)
		equal(t, "season", read(t, s, func(tx challenge.Tx) ([]challenge.Round, error) { return tx.SeasonRounds("spring") }),
			[]challenge.Round{rounds[4], rounds[3], rounds[1], rounds[0]})
		var got []challenge.Round
		view(t, s, func(tx challenge.Tx) error {
			for p := (challenge.Page{Limit: 2}); ; {
				list, next, err := tx.Rounds(p)
				got = append(got, list...)
				if err != nil || next == "" {
					return err
				}
				p.After = next
			}
		})
		slices.Reverse(rounds)
		equal(t, "pages", got, rounds)
		if err := s.View(context.Background(), func(tx challenge.Tx) error { _, err := tx.Round("z"); return err }); !errors.Is(err, challenge.ErrNotFound) {
			t.Errorf("Round of none: %v", err)
		}
		if err := s.Update(context.Background(), func(tx challenge.Tx) error { return tx.UpdateRound(challenge.Round{ID: "z"}) }); !errors.Is(err, challenge.ErrNotFound) {
			t.Errorf("UpdateRound of none: %v", err)
		}
	})
}
