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

func TestEvents(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store) {
		insert(t, s, 2)
		a := challenge.Event{Session: session(1).ID, At: t0.Add(time.Hour), Kind: challenge.Announcement, Service: "cart", Title: "Hint", Text: "Look at the cart.", Author: "fay"}
		b := challenge.Event{Session: session(1).ID, At: t0, Kind: challenge.StateEvent}
		other := challenge.Event{Session: session(2).ID, At: t0, Kind: challenge.StateEvent}
		update(t, s, func(tx challenge.Tx) error {
			return errors.Join(tx.InsertEvent(&a), tx.InsertEvent(&other), tx.InsertEvent(&b))
		})
		equal(t, "events", read(t, s, func(tx challenge.Tx) ([]challenge.Event, error) { return tx.Events(session(1).ID) }), []challenge.Event{a, b})
	})
}

func TestAudit(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store) {
		update(t, s, func(tx challenge.Tx) (err error) {
			for i := range 7 {
				e := challenge.AuditEntry{At: t0.Add(time.Duration(i) * time.Second), Actor: "fay", Role: challenge.FacilitatorRole, Remote: "192.0.2.1", Action: "session.pause", Session: "s1", Detail: "d", Refused: i == 0}
				if i%2 == 1 {
					e.Session = ""
				}
				err = errors.Join(err, tx.InsertAudit(e))
			}
			return err
		})
		list := func(session string, size int) (out []challenge.AuditEntry) {
			view(t, s, func(tx challenge.Tx) error {
				for p := (challenge.Page{Limit: size}); ; {
					page, next, err := tx.Audit(session, p)
					out = append(out, page...)
					if err != nil || next == "" {
						return err
					}
					p.After = next
				}
			})
			return out
		}
		all := list("", 2)
		var at []int
		for _, e := range all {
			at = append(at, int(e.At.Sub(t0)/time.Second))
		}
		equal(t, "newest first", at, []int{6, 5, 4, 3, 2, 1, 0})
		equal(t, "in one page", list("", 100), all)
		equal(t, "of a session", list("s1", 3), []challenge.AuditEntry{all[0], all[2], all[4], all[6]})
		equal(t, "fields", all[6], challenge.AuditEntry{ID: all[6].ID, At: t0, Actor: "fay", Role: challenge.FacilitatorRole, Remote: "192.0.2.1", Action: "session.pause", Session: "s1", Detail: "d", Refused: true})
	})
}

func TestTrail(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store) {
		insert(t, s, 2)
		var entries, bobs []challenge.TrailEntry
		for i := range 503 { // more than a statement takes
			e := challenge.TrailEntry{
				Session: session(1).ID, Player: "ann", At: t0.Add(time.Duration(i)), Backend: challenge.LokiBackend, Endpoint: "query_range", Query: `{app="x"}`,
				From: t0.Add(-time.Hour), To: t0, Status: 200, Took: time.Duration(i) * time.Millisecond, Bytes: 1 << 40,
			}
			if i%100 == 7 {
				e.Player, e.From, e.To = "bob", time.Time{}, time.Date(40000, 1, 1, 0, 0, 0, 0, time.UTC)
				bobs = append(bobs, e)
			}
			entries = append(entries, e)
		}
		update(t, s, func(tx challenge.Tx) error {
			return errors.Join(tx.InsertTrail(nil), tx.InsertTrail(entries), tx.InsertTrail([]challenge.TrailEntry{{Session: session(2).ID, Player: "ann"}}))
		})
		list := func(player string, size int) (out []challenge.TrailEntry) {
			view(t, s, func(tx challenge.Tx) error {
				for p := (challenge.Page{Limit: size}); ; {
					page, next, err := tx.Trail(session(1).ID, player, p)
					out = append(out, page...)
					if err != nil || next == "" {
						return err
					}
					p.After = next
				}
			})
			return out
		}
		strip := func(in []challenge.TrailEntry) []challenge.TrailEntry {
			if !slices.IsSortedFunc(in, func(a, b challenge.TrailEntry) int { return int(a.ID - b.ID) }) {
				t.Error("not in the order of IDs")
			}
			for i := range in {
				in[i].ID = 0
			}
			return in
		}
		for i := range bobs {
			bobs[i].To = time.Unix(0, 1<<63-1).UTC()
		}
		equal(t, "of bob", strip(list("bob", 2)), bobs)
		all := strip(list("", 100))
		if len(all) != len(entries) {
			t.Fatalf("%d entries, want %d", len(all), len(entries))
		}
		for i := range all {
			if !all[i].At.Equal(entries[i].At) {
				t.Fatalf("entry %d is of %v, want %v", i, all[i].At, entries[i].At)
			}
		}
	})
}

func TestTokens(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store) {
		a := challenge.Token{ID: "t1", Role: challenge.PlayerRole, Name: "ann", Hash: [32]byte{0, 1, 255}, CreatedAt: t0.Add(time.Hour), Expires: t0.Add(2 * time.Hour)}
		b := challenge.Token{ID: "t2", Role: challenge.GrafanaRole, Name: "grafana", Hash: [32]byte{0, 2}, CreatedAt: t0}
		update(t, s, func(tx challenge.Tx) error { return errors.Join(tx.InsertToken(a), tx.InsertToken(b)) })
		equal(t, "all", read(t, s, challenge.Tx.Tokens), []challenge.Token{b, a})
		update(t, s, func(tx challenge.Tx) error { return tx.RevokeToken("t1", t0.Add(time.Minute)) })
		update(t, s, func(tx challenge.Tx) error { return tx.RevokeToken("t1", t0.Add(time.Hour)) }) // changes nothing
		a.Revoked = t0.Add(time.Minute)
		equal(t, "by hash", read(t, s, func(tx challenge.Tx) (challenge.Token, error) { return tx.TokenByHash(a.Hash) }), a)
		twin := challenge.Token{ID: "t3", Hash: a.Hash}
		if err := s.Update(context.Background(), func(tx challenge.Tx) error { return tx.InsertToken(twin) }); err == nil {
			t.Error("two tokens have one hash")
		}
		for name, err := range map[string]error{
			"TokenByHash": s.View(context.Background(), func(tx challenge.Tx) error { _, err := tx.TokenByHash([32]byte{}); return err }),
			"RevokeToken": s.Update(context.Background(), func(tx challenge.Tx) error { return tx.RevokeToken("none", t0) }),
		} {
			if !errors.Is(err, challenge.ErrNotFound) {
				t.Errorf("%s of none: %v, want ErrNotFound", name, err)
			}
		}
	})
}

func TestCheckpoint(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store) {
		insert(t, s, 1)
		get := func(tx challenge.Tx) ([]byte, error) { return tx.Checkpoint(session(1).ID) }
		if err := s.View(context.Background(), func(tx challenge.Tx) error { _, err := get(tx); return err }); !errors.Is(err, challenge.ErrNotFound) {
			t.Errorf("before the first: %v, want ErrNotFound", err)
		}
		for _, want := range []string{"a\x00\xff", "second", ""} {
			update(t, s, func(tx challenge.Tx) error { return tx.SetCheckpoint(session(1).ID, []byte(want)) })
			equal(t, "checkpoint", string(read(t, s, get)), want)
		}
		if v := read(t, s, func(tx challenge.Tx) (challenge.Session, error) { return tx.Session(session(1).ID) }).Version; v != 1 {
			t.Errorf("a checkpoint made the session's version %d", v)
		}
	})
}

func TestDone(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store) {
		update(t, s, func(tx challenge.Tx) error {
			return errors.Join(tx.SetDone("ann", "k", "POST /a", `{"x":1}`, t0), tx.SetDone("bob", "k", "POST /b", "", t0.Add(time.Second)))
		})
		get := func(actor string) (request, result string, err error) {
			err = s.View(context.Background(), func(tx challenge.Tx) (err error) {
				request, result, err = tx.Done(actor, "k")
				return err
			})
			return request, result, err
		}
		if request, result, err := get("ann"); request != "POST /a" || result != `{"x":1}` || err != nil {
			t.Errorf("Done = %q, %q, %v", request, result, err)
		}
		if err := s.Update(context.Background(), func(tx challenge.Tx) error { return tx.SetDone("ann", "k", "POST /a", "2", t0) }); err == nil {
			t.Error("a key was kept twice")
		}
		update(t, s, func(tx challenge.Tx) error { return tx.Forget(t0.Add(time.Second)) })
		if _, _, err := get("ann"); !errors.Is(err, challenge.ErrNotFound) {
			t.Errorf("Done of what was forgotten: %v, want ErrNotFound", err)
		}
		if _, _, err := get("bob"); err != nil {
			t.Errorf("what is not older was forgotten: %v", err)
		}
	})
}
