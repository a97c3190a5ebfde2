package challenge

import (
	"context"
	"fmt"
	"slices"
	"time"

	"firedrill/replay"
)

// control runs a command on a session, which the caller must be allowed to run.
func (s *Service) control(ctx context.Context, c Call, cmd *command, fn func(x *change) error) (Session, error) {
	return run(ctx, s, c, cmd, func(tx Tx) (Session, error) {
		x, err := s.open(tx, c, cmd.subject)
		if err != nil {
			return Session{}, err
		}
		if err := c.mayRun(&x.session); err != nil {
			return Session{}, err
		}
		if err := fn(x); err != nil {
			return Session{}, err
		}
		err = x.save()
		return x.session, err
	})
}

// direct is control for what players cannot do in their own sessions either.
func (s *Service) direct(ctx context.Context, c Call, cmd *command, fn func(x *change) error) (Session, error) {
	return s.control(ctx, c, cmd, func(x *change) error {
		if c.Role != FacilitatorRole {
			return Errorf(Forbidden, "only a facilitator can do this")
		}
		return fn(x)
	})
}

// Start begins to load a Scheduled session. The page comes as soon as the history is in the back ends.
func (s *Service) Start(ctx context.Context, c Call, id string) (Session, error) {
	return s.control(ctx, c, &command{action: "session.start", subject: id}, func(x *change) error {
		if err := x.scheduled(); err != nil {
			return err
		}
		if err := checkRoom(x.tx, x.now); err != nil {
			return err
		}
		if x.session.Mode == Solo {
			if err := s.checkContest(x.tx, c, x.session.Scenario, x.now); err != nil {
				return err
			}
		}
		x.session.State, x.session.PageAt = Loading, time.Time{}
		return x.note("Started", "The history is being loaded.")
	})
}

// scheduled refuses a session that was started.
func (x *change) scheduled() error {
	switch st := x.session.State; {
	case st.Over():
		return overError(&x.session)
	case st != Scheduled:
		return Errorf(WrongState, "the session has been started already")
	}
	return nil
}

// overError says that a session is over.
func overError(v *Session) error {
	return Errorf(Over, "the session ended at %s", v.EndedAt.Format(time.RFC3339))
}

// checkRoom refuses to play more sessions than MaxRunning.
func checkRoom(tx Tx, now time.Time) error {
	list, err := allSessions(tx, SessionFilter{States: []State{Loading, Lobby, Live, Paused}})
	if err != nil {
		return err
	}
	running := 0
	for _, v := range list {
		if !v.AsOf(now).State.Over() {
			running++
		}
	}
	if running >= MaxRunning {
		return Errorf(TooMany, "%d sessions are being played, which is as many as can be; try again when one has ended", running)
	}
	return nil
}

// Schedule plans when the page of a Scheduled session comes; zero is when it is started.
func (s *Service) Schedule(ctx context.Context, c Call, id string, pageAt time.Time) (Session, error) {
	cmd := &command{action: "session.schedule", subject: id, args: pageAt, detail: pageAt.UTC().Format(time.RFC3339)}
	return s.control(ctx, c, cmd, func(x *change) error {
		if err := x.scheduled(); err != nil {
			return err
		}
		if !pageAt.IsZero() {
			if err := checkAhead("/pageAt", pageAt, x.now); err != nil {
				return err
			}
		}
		x.session.PageAt = instant(pageAt)
		return nil
	})
}

// Pause stops the clock of a Live session; the evidence has a gap until Resume.
func (s *Service) Pause(ctx context.Context, c Call, id string) (Session, error) {
	return s.control(ctx, c, &command{action: "session.pause", subject: id}, func(x *change) error {
		switch v := &x.session; {
		case v.State.Over():
			return overError(v)
		case v.State == Paused:
			return Errorf(WrongState, "the session is paused already")
		case v.State != Live:
			return Errorf(WrongState, "the page has not come yet; a session can be paused after it")
		case len(v.Clock.Pauses) >= MaxPauses:
			return Errorf(TooMany, "the session was paused %d times, which is as often as can be", MaxPauses)
		}
		x.session.State = Paused
		x.session.Clock.Pauses = append(slices.Clone(x.session.Clock.Pauses), Pause{From: x.now})
		// Who plays alone has all the time there is to look while the clock stands.
		x.session.Unranked = x.session.Unranked || x.session.Mode == Solo
		return x.note("Paused", "")
	})
}

// Resume starts the clock of a Paused session again.
func (s *Service) Resume(ctx context.Context, c Call, id string) (Session, error) {
	return s.control(ctx, c, &command{action: "session.resume", subject: id}, func(x *change) error {
		switch v := &x.session; {
		case v.State.Over():
			return overError(v)
		case v.State != Paused:
			return Errorf(WrongState, "the session is not paused")
		}
		x.session.State = Live
		x.session.Clock.Pauses = slices.Clone(x.session.Clock.Pauses)
		x.session.Clock.Pauses[len(x.session.Clock.Pauses)-1].To = x.now
		return x.note("Resumed", "")
	})
}

// SetSpeed changes how fast the evidence goes, from replay.MinSpeed to replay.MaxSpeed. At any other speed than 1 the session
// is Unranked for good.
func (s *Service) SetSpeed(ctx context.Context, c Call, id string, speed float64) (Session, error) {
	cmd := &command{action: "session.speed", subject: id, detail: fmt.Sprint(speed), args: fmt.Sprint(speed)}
	return s.direct(ctx, c, cmd, func(x *change) error {
		if !(speed >= replay.MinSpeed && speed <= replay.MaxSpeed) { // false for NaN
			return invalidf("/speed", "a speed of %g: expected %g to %g", speed, replay.MinSpeed, float64(replay.MaxSpeed))
		}
		if x.session.State.Over() {
			return overError(&x.session)
		}
		x.session.Speed = speed
		x.session.Unranked = x.session.Unranked || speed != 1
		return x.note(fmt.Sprintf("Speed %g", speed), "")
	})
}

// Extend adds to the time box, which is at most MaxTimebox then. The bound of a round stays.
func (s *Service) Extend(ctx context.Context, c Call, id string, by time.Duration) (Session, error) {
	cmd := &command{action: "session.extend", subject: id, detail: by.String(), args: by}
	return s.direct(ctx, c, cmd, func(x *change) error {
		v := &x.session
		switch {
		case by < time.Second || by > MaxExtension:
			return invalidf("/by", "%s: expected 1s to %s", by, MaxExtension)
		case v.State.Over():
			return overError(v)
		case v.Timebox+by > MaxTimebox:
			return invalidf("/by", "the time box would be %s; at most %s are possible", v.Timebox+by, MaxTimebox)
		}
		v.Timebox += by
		return x.note("Extended by "+span(by), "")
	})
}

// End ends a session; one that was never started is cancelled by it.
func (s *Service) End(ctx context.Context, c Call, id string) (Session, error) {
	return s.control(ctx, c, &command{action: "session.end", subject: id}, func(x *change) error {
		if x.session.State.Over() {
			return overError(&x.session)
		}
		x.session.end(x.now, Facilitated)
		return nil
	})
}

// Reveal opens the answer of a session that is over. A solo session that was played is open already, and sessions of a
// round are opened together, by RevealRound.
func (s *Service) Reveal(ctx context.Context, c Call, id string) (Session, error) {
	return s.control(ctx, c, &command{action: "session.reveal", subject: id}, func(x *change) error {
		switch v := &x.session; {
		case !v.State.Over():
			return Errorf(WrongState, "the session is not over; end it first")
		case v.Mode == InRound:
			return Errorf(WrongState, "the session belongs to a round; reveal that")
		case v.State == Debriefed:
			return nil
		}
		if err := checkSecret(x.tx, x.session.Scenario, id, x.now); err != nil {
			return err
		}
		x.session.reveal(x.now)
		return nil
	})
}

// Announce tells something to all players of a session that is not over.
func (s *Service) Announce(ctx context.Context, c Call, id, text string) (Event, error) {
	cmd := &command{action: "session.announce", subject: id, args: text}
	return s.publish(ctx, c, cmd, func(*change) (Event, error) {
		return Event{Kind: Announcement, Title: "Announcement", Text: text, Author: c.Name}, checkText("/text", text, 1, MaxText)
	})
}

// Inject adds one of the scenario's injects, by its ID, to the timeline of a running session, once.
func (s *Service) Inject(ctx context.Context, c Call, id, inject string) (Event, error) {
	cmd := &command{action: "session.inject", subject: id, args: inject, detail: inject}
	return s.publish(ctx, c, cmd, func(x *change) (Event, error) {
		if !x.session.State.Running() {
			return Event{}, Errorf(WrongState, "the page has not come yet; inject after it")
		}
		sc, err := s.scenario(x.session.Scenario)
		if err != nil {
			return Event{}, err
		}
		for _, v := range sc.Injects {
			if v.ID != inject {
				continue
			}
			events, err := x.tx.Events(x.session.ID)
			if slices.ContainsFunc(events, func(e Event) bool { return e.Kind == Injected && e.Title == v.Title }) {
				return Event{}, Errorf(WrongState, "inject %s was made already", v.ID)
			}
			return Event{Kind: Injected, Title: v.Title, Text: v.Text}, err
		}
		return Event{}, invalidf("/inject", "scenario %s has no inject %q", sc.ID, cut(inject, maxName))
	})
}

// publish adds an event to the timeline of a session that is not over.
func (s *Service) publish(ctx context.Context, c Call, cmd *command, make func(x *change) (Event, error)) (Event, error) {
	return run(ctx, s, c, cmd, func(tx Tx) (Event, error) {
		x, err := s.open(tx, c, cmd.subject)
		switch {
		case err != nil:
			return Event{}, err
		case c.Role != FacilitatorRole:
			return Event{}, Errorf(Forbidden, "only a facilitator can do this")
		case x.session.State.Over():
			return Event{}, overError(&x.session)
		}
		e, err := make(x)
		if err != nil {
			return Event{}, err
		}
		if events, err := tx.Events(x.session.ID); err != nil {
			return Event{}, err
		} else if len(events) >= MaxEvents {
			return Event{}, Errorf(TooMany, "the session has %d events, which is as many as can be", len(events))
		}
		e.Session, e.At = x.session.ID, x.now
		if err := tx.InsertEvent(&e); err != nil {
			return Event{}, err
		}
		return e, x.save()
	})
}
