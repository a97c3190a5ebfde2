package challenge

import (
	"context"
	"slices"
	"time"

	"firedrill/scenarios"
)

// maxLockout ends the doubling: no session runs longer.
const maxLockout = MaxTimebox

// Submit counts what a player thinks, once for each idempotency key: a second call with a key returns what the first one did, and with
// another text it is a Conflict. It is refused before the page and while the clock stands (WrongState), after the deadline by the
// server's clock (Over), while the player is locked out (LockedOut), and after the player was right (AlreadyRight). A right one ends a session that
// has only one player. A ctx that ends while the call waits for its turn takes it back.
func (s *Service) Submit(ctx context.Context, c Call, id string, n NewSubmission) (Submission, error) {
	// The key is one of the session's submissions, which remember it for good; run would for a day.
	key := c.Key
	c.Key = ""
	if err := checkCall(c); err != nil {
		return Submission{}, err
	}
	sub, err := s.submit(ctx, c, key, id, n)
	if err != nil {
		return Submission{}, s.refused(ctx, c, &command{action: "session.submit", subject: id, quiet: true}, err)
	}
	return sub, nil
}

func (s *Service) submit(ctx context.Context, c Call, key, id string, n NewSubmission) (Submission, error) {
	if err := c.onlyPlayers(); err != nil {
		return Submission{}, err
	}
	if key == "" || len(key) > maxKey || !printable(key) {
		return Submission{}, invalidf("Idempotency-Key", "expected an idempotency key of 1 to %d printable bytes, new for each submission", maxKey)
	}
	n.Suspects = slices.Clone(n.Suspects)
	for i := range n.Suspects {
		n.Suspects[i].Onset = instant(n.Suspects[i].Onset)
	}
	a := &attempt{caller: c, key: key, session: id, claim: n, done: make(chan struct{})}
	if err := s.wait(ctx, a); err != nil {
		return Submission{}, err
	}
	out := *a.sub // two attempts with one key share it
	out.Suspects = slices.Clone(out.Suspects)
	return out, nil
}

// sameClaim tells whether a submission is the one that was counted.
func sameClaim(old *Submission, n NewSubmission) bool {
	return old.NothingBroken == n.NothingBroken && old.Reasoning == n.Reasoning && slices.EqualFunc(old.Suspects, n.Suspects, func(a, b Suspect) bool {
		return a.Component == b.Component && a.Cause == b.Cause && a.Onset.Equal(b.Onset)
	})
}

// judge applies the rules to a new submission, and grades it, with the session as it stands at x.now. It writes nothing. subs are the player's earlier
// ones.
func (s *Service) judge(x *change, a *attempt, subs []Submission) (*Submission, error) {
	v := &x.session
	if err := submittable(v); err != nil {
		return nil, err
	}
	sc, err := s.scenario(v.Scenario)
	if err != nil {
		return nil, err
	}
	n, player := a.claim, a.caller.Name
	if err := checkSubmission(n, sc, v, x.now); err != nil {
		return nil, err
	}
	elapsed := v.Elapsed(x.now)
	st := standing(player, subs, elapsed)
	switch left := st.LockedUntil - elapsed; {
	case st.Correct:
		return nil, Errorf(AlreadyRight, "you have found the cause already")
	case left > 0:
		e := Errorf(LockedOut, "after a wrong suspect nothing can be submitted for a while; try again in %s", left.Round(time.Second))
		e.RetryAfter = int((left + time.Second - 1) / time.Second)
		return nil, e
	}
	if v.Mode == Solo {
		if err := s.checkContest(x.tx, a.caller, v.Scenario, x.now); err != nil {
			return nil, err
		}
	}
	sub := &Submission{
		Session: v.ID, Player: player, Key: a.key, Suspects: n.Suspects, NothingBroken: n.NothingBroken, Reasoning: n.Reasoning,
		At: x.now, Elapsed: elapsed,
	}
	if sub.Correct, err = s.o.Grader.Correct(v.Scenario, claim(v, *sub)); err != nil {
		return nil, &Error{Code: Unavailable, Text: "the submission cannot be graded; tell the facilitator", Err: err}
	}
	if !sub.Correct {
		sub.Penalty, sub.LockedFor = s.o.Rules.Penalty, s.o.Rules.lockout(st.Wrong)
	}
	return sub, nil
}

// submittable tells whether a session takes submissions.
func submittable(v *Session) error {
	switch {
	case v.State.Over():
		return overError(v)
	case v.State == Paused:
		return Errorf(WrongState, "the session is paused; submit when it goes on")
	case v.State != Live:
		return Errorf(WrongState, "the page has not come yet; submit after it")
	}
	return nil
}

// checkSubmission checks that a submission is made of what the scenario offers.
func checkSubmission(n NewSubmission, sc *scenarios.Scenario, v *Session, now time.Time) error {
	switch k := len(n.Suspects); {
	case n.NothingBroken && k > 0:
		return invalidf("/suspects", "either nothing is broken, or there are suspects")
	case !n.NothingBroken && (k == 0 || k > MaxSuspects):
		return invalidf("/suspects", "there are %d; expected 1 to %d, or nothingBroken", k, MaxSuspects)
	}
	if err := checkText("/reasoning", n.Reasoning, 0, MaxText); err != nil {
		return err
	}
	for i, x := range n.Suspects {
		field := func(name string) string { return "/suspects/" + string(rune('0'+i)) + "/" + name }
		switch {
		case !slices.Contains(sc.Suspects.Components, x.Component):
			return invalidf(field("component"), "%q is not one of the components to choose from", cut(x.Component, maxName))
		case !slices.ContainsFunc(sc.Suspects.Causes, func(c scenarios.Cause) bool { return c.ID == x.Cause }):
			return invalidf(field("cause"), "%q is not one of the causes to choose from", cut(x.Cause, maxName))
		case slices.ContainsFunc(n.Suspects[:i], func(y Suspect) bool { return y.Component == x.Component && y.Cause == x.Cause }):
			return invalidf(field("component"), "this suspect is there twice")
		case !x.Onset.IsZero() && (x.Onset.After(now) || x.Onset.Before(v.PageAt.Add(-historyOf(sc)))):
			return invalidf(field("onset"), "%s is not within the evidence: expected %s to now", x.Onset.Format(time.RFC3339), v.PageAt.Add(-historyOf(sc)).Format(time.RFC3339))
		}
	}
	return nil
}

// mostHistory is how much history a scenario has that does not say.
const mostHistory = 8 * 24 * time.Hour // what the back ends accept

// historyOf is how long before the page the evidence begins, at most.
func historyOf(sc *scenarios.Scenario) time.Duration {
	if sc.History > 0 {
		return time.Duration(sc.History)
	}
	if begin := sc.Begin(time.Time{}); sc.Page.At.Abs.IsZero() || !begin.IsZero() {
		return sc.Page.At.In(begin).Sub(begin)
	}
	return mostHistory
}

// claim is a submission as it is graded: without names and wall times.
func claim(v *Session, sub Submission) Claim {
	out := Claim{NothingBroken: sub.NothingBroken}
	for _, x := range sub.Suspects {
		c := ClaimedSuspect{Component: x.Component, Cause: x.Cause}
		if !x.Onset.IsZero() {
			onset := v.Evidence().Offset(x.Onset)
			c.Onset = &onset
		}
		out.Suspects = append(out.Suspects, c)
	}
	return out
}

// lockout is how long a wrong submission locks out after so many wrong ones before.
func (r Rules) lockout(before int) time.Duration {
	d := r.Lockout
	for range before {
		if d *= 2; d >= maxLockout {
			return maxLockout
		}
	}
	return d
}
