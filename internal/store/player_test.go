package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"firedrill/internal/challenge"
	"firedrill/internal/store"
)

func TestJoin(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store) {
		insert(t, s, 2)
		ofRound := session(3)
		ofRound.Round = "r1"
		join := func(n int, player string, at time.Time) {
			update(t, s, func(tx challenge.Tx) error {
				return tx.Join(challenge.Participant{Session: session(n).ID, Player: player, JoinedAt: at})
			})
		}
		current := func(player string) string {
			return read(t, s, func(tx challenge.Tx) (challenge.Session, error) { return tx.CurrentSession(player) }).ID
		}
		update(t, s, func(tx challenge.Tx) error {
			return errors.Join(tx.InsertRound(challenge.Round{ID: "r1"}), tx.InsertRound(challenge.Round{ID: "r2"}), tx.InsertSession(ofRound, []byte("k")))
		})
		join(1, "bob", t0.Add(time.Second))
		join(1, "ann", t0)
		join(2, "ann", t0.Add(-time.Hour))
		if got := current("ann"); got != session(2).ID {
			t.Errorf("current session of ann is %s, want the one joined last", got)
		}
		join(1, "ann", t0.Add(time.Hour)) // again
		if got := current("ann"); got != session(1).ID {
			t.Errorf("current session of ann is %s, want the one she went back to", got)
		}
		join(3, "ann", t0)
		equal(t, "participants", read(t, s, func(tx challenge.Tx) ([]challenge.Participant, error) { return tx.Participants(session(1).ID) }),
			[]challenge.Participant{{Session: session(1).ID, Player: "ann", JoinedAt: t0}, {Session: session(1).ID, Player: "bob", JoinedAt: t0.Add(time.Second)}})
		equal(t, "one of them", read(t, s, func(tx challenge.Tx) (challenge.Participant, error) { return tx.Participant(session(1).ID, "bob") }),
			challenge.Participant{Session: session(1).ID, Player: "bob", JoinedAt: t0.Add(time.Second)})
		equal(t, "session of a round", read(t, s, func(tx challenge.Tx) (challenge.Session, error) { return tx.RoundSession("r1", "ann") }), ofRound)
		for name, err := range map[string]error{
			"CurrentSession": s.View(context.Background(), func(tx challenge.Tx) error { _, err := tx.CurrentSession("eve"); return err }),
			"RoundSession":   s.View(context.Background(), func(tx challenge.Tx) error { _, err := tx.RoundSession("r1", "bob"); return err }),
			"Participant":    s.View(context.Background(), func(tx challenge.Tx) error { _, err := tx.Participant(session(2).ID, "bob"); return err }),
			"another round":  s.View(context.Background(), func(tx challenge.Tx) error { _, err := tx.RoundSession("r2", "ann"); return err }),
		} {
			if !errors.Is(err, challenge.ErrNotFound) {
				t.Errorf("%s of none: %v, want ErrNotFound", name, err)
			}
		}
		if err := s.Update(context.Background(), func(tx challenge.Tx) error { return tx.Join(challenge.Participant{Session: "none", Player: "ann"}) }); err == nil {
			t.Error("joined a session that does not exist")
		}
	})
}

func TestSubmissions(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store) {
		insert(t, s, 1)
		in := session(2)
		in.Round = "r1"
		a, b, c := submission(session(1).ID, "ann", "k1"), submission(session(1).ID, "bob", "k1"), submission(in.ID, "ann", "k1")
		b.Suspects, b.NothingBroken, b.Correct, b.Penalty, b.LockedFor = nil, true, true, 0, 0
		a.Suspects[1].Onset = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC) // a typing error of the player
		update(t, s, func(tx challenge.Tx) error {
			return errors.Join(tx.InsertRound(challenge.Round{ID: "r1"}), tx.InsertSession(in, []byte("k")), tx.InsertSubmissions(&a, &b, &c))
		})
		if a.ID <= 0 || b.ID <= a.ID || c.ID <= b.ID {
			t.Errorf("IDs %d, %d, %d do not rise", a.ID, b.ID, c.ID)
		}
		a.Suspects[1].Onset = time.Unix(0, 1<<63-1).UTC()
		list := func(session, player string) []challenge.Submission {
			return read(t, s, func(tx challenge.Tx) ([]challenge.Submission, error) { return tx.Submissions(session, player) })
		}
		equal(t, "of all", list(a.Session, ""), []challenge.Submission{a, b})
		equal(t, "of ann", list(a.Session, "ann"), []challenge.Submission{a})
		equal(t, "of nobody", list(a.Session, "eve"), []challenge.Submission(nil))
		equal(t, "of a round", read(t, s, func(tx challenge.Tx) ([]challenge.Submission, error) { return tx.RoundSubmissions("r1") }), []challenge.Submission{c})
		again := submission(a.Session, "ann", "k1")
		if err := s.Update(context.Background(), func(tx challenge.Tx) error { return tx.InsertSubmissions(&again) }); err == nil {
			t.Error("a second submission with the same key was counted")
		}
	})
}

// TestSeats writes and reads more rows than one statement has.
func TestSeats(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store) {
		insert(t, s, 3)
		const players = 300
		var subs []*challenge.Submission
		var seats []challenge.Seat
		var joined []challenge.Participant
		for i := range players {
			seat := challenge.Seat{Session: session(1 + i%2).ID, Player: fmt.Sprintf("p%03d", i)}
			for k := range i % 3 { // those of a player do not come together
				sub := submission(seat.Session, seat.Player, fmt.Sprint("k", k))
				subs = slices.Insert(subs, len(subs)*k/2, &sub)
			}
			seats = append(seats, seat)
			joined = append(joined, challenge.Participant{Session: seat.Session, Player: seat.Player, JoinedAt: t0})
		}
		update(t, s, func(tx challenge.Tx) error {
			for _, p := range joined {
				if err := tx.Join(p); err != nil {
					return err
				}
			}
			return tx.InsertSubmissions(subs...)
		})
		want := map[challenge.Seat][]challenge.Submission{}
		for i, sub := range subs {
			if i > 0 && sub.ID <= subs[i-1].ID {
				t.Fatalf("ID %d comes after %d", sub.ID, subs[i-1].ID)
			}
			seat := challenge.Seat{Session: sub.Session, Player: sub.Player}
			want[seat] = append(want[seat], *sub)
		}
		// Nobody sits there: another session, and none.
		asked := append(slices.Clone(seats), challenge.Seat{Session: session(3).ID, Player: "p001"}, challenge.Seat{Session: "x\x00' OR ''='", Player: "p001"})
		got := map[challenge.Seat][]challenge.Submission{}
		for _, sub := range read(t, s, func(tx challenge.Tx) ([]challenge.Submission, error) { return tx.SubmissionsAt(asked) }) {
			seat := challenge.Seat{Session: sub.Session, Player: sub.Player}
			got[seat] = append(got[seat], sub)
		}
		equal(t, "submissions", got, want)
		found := read(t, s, func(tx challenge.Tx) ([]challenge.Participant, error) { return tx.ParticipantsAt(asked) })
		slices.SortFunc(found, func(a, b challenge.Participant) int { return strings.Compare(a.Player, b.Player) })
		equal(t, "participants", found, joined)
		one := seats[5:6]
		equal(t, "of one", read(t, s, func(tx challenge.Tx) ([]challenge.Submission, error) { return tx.SubmissionsAt(one) }), want[one[0]])
		equal(t, "of none", read(t, s, func(tx challenge.Tx) ([]challenge.Submission, error) { return tx.SubmissionsAt(nil) }), []challenge.Submission(nil))
		update(t, s, func(tx challenge.Tx) error { return tx.InsertSubmissions() })
	})
}

func TestHypotheses(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store) {
		insert(t, s, 1)
		id := session(1).ID
		a := challenge.Hypothesis{Session: id, Player: "ann", Text: "the database", Status: challenge.Open, At: t0, Changes: []challenge.HypothesisChange{{At: t0, Status: challenge.Open}}}
		b := challenge.Hypothesis{Session: id, Player: "bob", Text: "the cache", Status: challenge.Open, At: t0}
		update(t, s, func(tx challenge.Tx) error { return errors.Join(tx.InsertHypothesis(&a), tx.InsertHypothesis(&b)) })
		a.Status, a.Changes = challenge.Confirmed, append(a.Changes, challenge.HypothesisChange{At: t0.Add(time.Minute), Status: challenge.Confirmed})
		update(t, s, func(tx challenge.Tx) error { return tx.UpdateHypothesis(a) })
		equal(t, "by ID", read(t, s, func(tx challenge.Tx) (challenge.Hypothesis, error) { return tx.Hypothesis(a.ID) }), a)
		list := func(player string) []challenge.Hypothesis {
			return read(t, s, func(tx challenge.Tx) ([]challenge.Hypothesis, error) { return tx.Hypotheses(id, player) })
		}
		equal(t, "of all", list(""), []challenge.Hypothesis{a, b})
		equal(t, "of bob", list("bob"), []challenge.Hypothesis{b})
		for name, err := range map[string]error{
			"Hypothesis": s.View(context.Background(), func(tx challenge.Tx) error { _, err := tx.Hypothesis(b.ID + 1); return err }),
			"UpdateHypothesis": s.Update(context.Background(), func(tx challenge.Tx) error {
				return tx.UpdateHypothesis(challenge.Hypothesis{ID: b.ID + 1, Session: id})
			}),
		} {
			if !errors.Is(err, challenge.ErrNotFound) {
				t.Errorf("%s of none: %v, want ErrNotFound", name, err)
			}
		}
	})
}
