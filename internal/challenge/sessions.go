package challenge

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"firedrill/replay"
	"firedrill/replay/distort"
	"firedrill/scenarios"
)

// CreateSession makes a session, Scheduled. A player's own solo session is joined at once; there can be one that is not over. What is
// not set comes from the scenario.
func (s *Service) CreateSession(ctx context.Context, c Call, n NewSession) (Session, error) {
	cmd := &command{action: "session.create", detail: n.Scenario, args: n}
	return run(ctx, s, c, cmd, func(tx Tx) (Session, error) {
		now := s.now()
		v, err := s.newSession(c, n, now)
		if err != nil {
			return Session{}, err
		}
		if c.Role == PlayerRole {
			if err := s.checkOwnSolo(tx, c, v.Scenario, now); err != nil {
				return Session{}, err
			}
		}
		if err := insertSession(tx, v); err != nil {
			return Session{}, err
		}
		cmd.subject = v.ID
		if c.Role == PlayerRole {
			err = tx.Join(Participant{Session: v.ID, Player: c.Name, JoinedAt: now})
		}
		return v, err
	})
}

// insertSession inserts a session with a key for its ids.
func insertSession(tx Tx, v Session) error {
	key := replay.NewKey()
	return tx.InsertSession(v, key[:])
}

// newSession checks what somebody asks for.
func (s *Service) newSession(c Call, n NewSession, now time.Time) (Session, error) {
	if n.Mode != Solo && n.Mode != Together {
		return Session{}, invalidf("/mode", "%q: expected %s or %s", cut(string(n.Mode), maxName), Solo, Together)
	}
	if c.Role == PlayerRole && n.Mode != Solo {
		return Session{}, Errorf(Forbidden, "players create solo sessions; a live session needs a facilitator")
	}
	p, err := s.plan(n.Scenario, n.Difficulty, n.Title, n.Timebox)
	if err != nil {
		return Session{}, err
	}
	if !n.PageAt.IsZero() {
		if err := checkAhead("/pageAt", n.PageAt, now); err != nil {
			return Session{}, err
		}
	}
	return Session{
		ID: newID(sessionID), Title: p.title, Mode: n.Mode, Scenario: p.scenario.ID, Difficulty: p.difficulty,
		CreatedBy: c.Name, CreatedAt: now, State: Scheduled, PageAt: instant(n.PageAt),
		Timebox: p.timebox, Speed: 1, Version: 1,
	}, nil
}

// plan is what sessions and rounds have in common.
type plan struct {
	scenario          *scenarios.Scenario
	difficulty, title string
	timebox           time.Duration
}

// plan checks what is asked for, and fills in what the scenario says.
func (s *Service) plan(scenario, difficulty, title string, timebox time.Duration) (p plan, err error) {
	if p.scenario, err = s.scenario(scenario); err != nil {
		return p, err
	}
	sc := p.scenario
	if p.difficulty = cmp.Or(difficulty, distort.Normal); !slices.Contains(distort.Presets(), p.difficulty) {
		return p, invalidf("/difficulty", "%q: expected one of %s", cut(difficulty, maxName), strings.Join(distort.Presets(), ", "))
	}
	if err := checkLine("/title", title, maxTitle); err != nil {
		return p, err
	}
	p.title = cmp.Or(strings.TrimSpace(title), sc.Title)
	p.timebox = cmp.Or(timebox, time.Duration(sc.Timebox))
	if err := checkTimebox(p.timebox); err != nil {
		return p, err
	}
	if len(sc.Suspects.Components) == 0 || len(sc.Suspects.Causes) == 0 {
		return p, invalidf("/scenario", "players of scenario %s have no suspects to choose from", sc.ID)
	}
	if _, err := s.o.Grader.Correct(sc.ID, Claim{NothingBroken: true}); err != nil {
		return p, &Error{Code: Invalid, Field: "/scenario", Text: "scenario " + sc.ID + " cannot be graded; the server's log says why", Err: err}
	}
	return p, nil
}

// notOver are the states of sessions that go on.
var notOver = []State{Scheduled, Loading, Lobby, Live, Paused}

// checkOwnSolo tells whether a player can have a new session of their own.
func (s *Service) checkOwnSolo(tx Tx, c Call, scenario string, now time.Time) error {
	own, err := allSessions(tx, SessionFilter{Mode: Solo, Player: c.Name, States: notOver})
	if err != nil {
		return err
	}
	for _, v := range own {
		if v = v.AsOf(now); !v.State.Over() && v.CreatedBy == c.Name {
			return Errorf(TooMany, "you have a session that is not over, %s (%s); end it first", v.Title, v.ID)
		}
	}
	return s.checkContest(tx, c, scenario, now)
}

// Session returns a session as it stands now. Players see their own, and Together sessions that are not over.
func (s *Service) Session(ctx context.Context, c Call, id string) (Session, error) {
	var out Session
	err := s.view(ctx, c, id, "session.show", Call.mayRead, func(_ Tx, v *Session, _ time.Time) error {
		out = *v
		return nil
	})
	return out, err
}

// Sessions lists sessions, and a cursor for the next page. Players get their own, or with the mode Together and without a player those
// that are not over. A page may be shorter than asked for: what the clock has moved on since it was stored is left out.
func (s *Service) Sessions(ctx context.Context, c Call, f SessionFilter) ([]Session, string, error) {
	if err := checkCall(c); err != nil {
		return nil, "", err
	}
	if c.Role == PlayerRole {
		switch {
		case f.Mode == Together && f.Player == "":
			f.States = slices.DeleteFunc(slices.Clone(notOver), func(v State) bool { return len(f.States) > 0 && !slices.Contains(f.States, v) })
			if len(f.States) == 0 {
				return nil, "", nil
			}
		case f.Player != "" && f.Player != c.Name:
			return nil, "", s.refused(ctx, c, &command{action: "session.list", quiet: true}, Errorf(Forbidden, "players list their own sessions only"))
		default:
			f.Player = c.Name
		}
	}
	var out []Session
	var next string
	err := s.o.Store.View(ctx, func(tx Tx) (err error) {
		out, next, err = tx.Sessions(f)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	now := s.now()
	out = slices.DeleteFunc(out, func(v Session) bool { return len(f.States) > 0 && !slices.Contains(f.States, v.AsOf(now).State) })
	for i := range out {
		out[i] = out[i].AsOf(now)
	}
	return out, next, nil
}

// Participants lists the players of a session.
func (s *Service) Participants(ctx context.Context, c Call, id string) ([]Participant, error) {
	var out []Participant
	err := s.view(ctx, c, id, "session.participants", Call.mayRead, func(tx Tx, _ *Session, _ time.Time) (err error) {
		out, err = tx.Participants(id)
		return err
	})
	return out, err
}

// Audit lists what facilitators did and what was refused, newest first, of one session or round or of all. It is for facilitators.
func (s *Service) Audit(ctx context.Context, c Call, session string, p Page) ([]AuditEntry, string, error) {
	if err := s.onlyFacilitators(ctx, c, "audit.list"); err != nil {
		return nil, "", err
	}
	var out []AuditEntry
	var next string
	err := s.o.Store.View(ctx, func(tx Tx) (err error) {
		out, next, err = tx.Audit(session, p)
		return err
	})
	return out, next, err
}
