package challenge_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"firedrill/internal/challenge"
)

// hold has the store write something until free is called, so that what comes meanwhile waits together.
func (a *arena) hold() (free func()) {
	busy, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		if err := a.store.Update(ctx, func(challenge.Tx) error { <-busy; return nil }); err != nil {
			a.tb.Error(err)
		}
	}()
	synctest.Wait()
	return func() { close(busy); <-done }
}

// waiting is a submission that was sent.
type waiting struct {
	sub challenge.Submission
	err error
}

// send begins a submission, which waits before the function returns.
func (a *arena) send(ctx context.Context, c challenge.Call, id string, suspects []challenge.Suspect) *waiting {
	w := &waiting{}
	go func() { w.sub, w.err = a.Submit(ctx, c, id, challenge.NewSubmission{Suspects: suspects}) }()
	synctest.Wait()
	return w
}

// TestSubmitTogether checks that submissions which are counted in one transaction get what they would get one after the other.
func TestSubmitTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArena(t)
		id := a.live(challenge.Together, boss, ana, ben)
		before := must2(a.Session(ctx, boss, id))
		free := a.hold()
		first := a.send(ctx, keyed(ana, "1"), id, wrong)
		same := a.send(ctx, keyed(ana, "1"), id, wrong)
		other := a.send(ctx, keyed(ana, "1"), id, right)
		locked := a.send(ctx, keyed(ana, "2"), id, right)
		stranger := a.send(ctx, keyed(challenge.Call{Role: challenge.PlayerRole, Name: "eve"}, "1"), id, right)
		nowhere := a.send(ctx, keyed(ben, "1"), "s0123456789ab", right)
		bens := a.send(ctx, keyed(ben, "1"), id, right)
		twice := a.send(ctx, keyed(ben, "2"), id, right)
		gone, leave := context.WithCancel(ctx)
		left := a.send(gone, keyed(ben, "3"), id, right)
		leave()
		synctest.Wait()
		if !errors.Is(left.err, context.Canceled) {
			t.Errorf("a submission that was taken back: %v", left.err)
		}
		free()
		synctest.Wait()

		for name, w := range map[string]*waiting{"first": first, "same": same, "ben's": bens} {
			if w.err != nil {
				t.Errorf("%s: %v", name, w.err)
			}
		}
		if first.sub.ID == 0 || same.sub.ID != first.sub.ID || bens.sub.ID <= first.sub.ID || !bens.sub.Correct || first.sub.Correct {
			t.Errorf("got %+v, %+v and %+v", first.sub, same.sub, bens.sub)
		}
		wantCode(t, "same key, other text", other.err, challenge.Conflict)
		wantCode(t, "locked out", locked.err, challenge.LockedOut)
		wantCode(t, "stranger", stranger.err, challenge.Forbidden)
		wantCode(t, "no such session", nowhere.err, challenge.NotFound)
		wantCode(t, "right before", twice.err, challenge.AlreadyRight)
		after := must2(a.Session(ctx, boss, id))
		if after.Version != before.Version+1 {
			t.Errorf("version %d came after %d: it was not one transaction", after.Version, before.Version)
		}
		if all := must2(a.Submissions(ctx, boss, id)); len(all) != 2 {
			t.Errorf("got %+v, want two", all)
		}
	})
}

// TestSolvedTogether checks that a session which a submission has ended takes no other one of the same transaction.
func TestSolvedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArena(t)
		id := a.live(challenge.Solo, ana)
		free := a.hold()
		solved, late := a.send(ctx, keyed(ana, "1"), id, right), a.send(ctx, keyed(ana, "2"), id, right)
		again := a.send(ctx, keyed(ana, "1"), id, right)
		free()
		synctest.Wait()
		if solved.err != nil || again.err != nil || again.sub.ID != solved.sub.ID {
			t.Errorf("got %+v, %v and %+v, %v", solved.sub, solved.err, again.sub, again.err)
		}
		wantCode(t, "after the end", late.err, challenge.Over)
		if got := a.state(id); got != challenge.Debriefed {
			t.Errorf("the session is %s", got)
		}
	})
}

// TestSubmitPanic checks that one submission which makes the grader panic takes no other along, nor the program.
func TestSubmitPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArena(t)
		id := a.live(challenge.Together, boss, ana, ben)
		a.grading = func(c challenge.Claim) {
			if c.Suspects[0].Component == "web" {
				panic("no such thing")
			}
		}
		free := a.hold()
		bad, good := a.send(ctx, keyed(ana, "1"), id, wrong), a.send(ctx, keyed(ben, "1"), id, right)
		free()
		synctest.Wait()
		if bad.err == nil || !strings.Contains(bad.err.Error(), "panic: no such thing") || good.err != nil || !good.sub.Correct {
			t.Errorf("got %v, and %+v, %v", bad.err, good.sub, good.err)
		}
	})
}

// TestSubmitClosed checks that nobody waits for a store that is closed.
func TestSubmitClosed(t *testing.T) {
	a := newArena(t)
	id := a.live(challenge.Together, boss, ana)
	must1(t, a.store.Close())
	if _, err := a.submit(ana, id, right); err == nil {
		t.Error("a submission was counted without a store")
	}
}
