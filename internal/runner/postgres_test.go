package runner_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"firedrill/internal/challenge"
	"firedrill/internal/store/pgtest"
	"firedrill/replay"
)

// takeOver is how soon a live session must go on after its server was killed.
const takeOver = 5 * time.Second

// testTakenOver kills the one of two servers on a PostgreSQL that plays a live session: the other goes on.
func testTakenOver(t *testing.T, w *world) {
	url := pgtest.NewDatabase(t)
	c := newContest(t, w, url)
	id := c.create(t, challenge.NewSession{}).ID
	owner, other := startChild(t, w, url, id), startChild(t, w, url, id)
	until(t, "one of the servers plays it live", func() bool {
		if other.says(t, id).Plays {
			owner, other = other, owner
		}
		return owner.says(t, id).Phase == replay.PhaseLive
	})
	if other.says(t, id).Plays {
		t.Error("both servers play the session")
	}
	before := c.reaches(t, id, challenge.Live)
	passes(t, before.Clock.Page.Add(2*time.Second))
	owner.kill()
	killed := time.Now()
	var taken, delivered time.Duration
	sent := int64(-1)
	until(t, "the other server plays it live", func() bool {
		s, since := other.says(t, id), time.Since(killed).Round(time.Millisecond)
		switch {
		case !s.Plays:
		case sent < 0:
			sent, taken = s.Sent, since
		case delivered == 0 && s.Sent > sent:
			delivered = since
		}
		return s.Phase == replay.PhaseLive && delivered > 0
	})
	t.Logf("after the kill: taken over %v, first items delivered %v, live with nothing left behind %v", taken, delivered, time.Since(killed).Round(time.Millisecond))
	if max(taken, delivered) > takeOver {
		t.Errorf("the session went on after %v, want at most %v", delivered, takeOver)
	}
	live := c.session(t, id)
	if !live.PageAt.Equal(before.PageAt) || !reflect.DeepEqual(live.Clock, before.Clock) || live.State != challenge.Live {
		t.Errorf("page %v and clock %v, before %v and %v", live.PageAt, live.Clock, before.PageAt, before.Clock)
	}
	passes(t, time.Now().Add(time.Second))
	_, err := c.service.End(t.Context(), facilitator, id)
	check(t, err)
	c.wantWhole(t, w, id)
	until(t, "there is a proof of the end", func() bool { return len(other.says(t, id).Proofs) > 0 })
	wantProofs(t, other.says(t, id).Proofs, 1)
	other.stop()
}

// observed is a Contest that notes when something was written last.
type observed struct {
	*challenge.Service
	wrote atomic.Int64 // ns since the epoch
}

func (o *observed) Advance(ctx context.Context, id string, p challenge.Progress) (challenge.Session, error) {
	o.wrote.Store(time.Now().UnixNano())
	return o.Service.Advance(ctx, id, p)
}

func (o *observed) SetCheckpoint(ctx context.Context, id string, b []byte) error {
	o.wrote.Store(time.Now().UnixNano())
	return o.Service.SetCheckpoint(ctx, id, b)
}

// once is a Locker that gives one lock, and notes when that was lost.
type once struct {
	challenge.Store
	mu   sync.Mutex
	held challenge.Lock
}

func (o *once) Lock(ctx context.Context, name string) (challenge.Lock, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.held != nil {
		return nil, challenge.ErrLocked
	}
	lock, err := o.Store.Lock(ctx, name)
	if err == nil {
		o.held = lock
	}
	return lock, err
}

// testLockLost ends the connection that holds the lock of a session: its server stops playing, and writes nothing more, and
// another takes the session up.
func testLockLost(t *testing.T, w *world) {
	url := pgtest.NewDatabase(t)
	a, b := newContest(t, w, url), newContest(t, w, url)
	contest, locks := &observed{Service: a.service}, &once{Store: a.store}
	a.options.Contest, a.options.Locks = contest, locks
	ra, _ := a.play(t)
	id := a.create(t, challenge.NewSession{}).ID
	before := a.reaches(t, id, challenge.Live)
	until(t, "the replay is live", func() bool { st, _ := ra.Status(id); return st.Phase == replay.PhaseLive })

	terminateLock(t, url, "session/"+id)
	<-locks.held.Lost()
	lost := time.Now()
	until(t, "the session is not played any more", func() bool { _, ok := ra.Status(id); return !ok })
	if took := time.Since(lost); took > time.Second {
		t.Errorf("the server went on for %v", took)
	}
	stopped := time.Now()
	rb, _ := b.play(t)
	until(t, "another server plays it", func() bool { st, ok := rb.Status(id); return ok && st.Phase == replay.PhaseLive })
	passes(t, stopped.Add(3*time.Second)) // the engine saves its checkpoint more often
	if at := time.Unix(0, contest.wrote.Load()); at.After(stopped) {
		t.Errorf("%v after it had stopped the server wrote something", at.Sub(stopped))
	}
	live := b.session(t, id)
	if live.State != challenge.Live || !live.PageAt.Equal(before.PageAt) || !reflect.DeepEqual(live.Clock, before.Clock) {
		t.Errorf("the session is %s, page %v and clock %v, before %v and %v", live.State, live.PageAt, live.Clock, before.PageAt, before.Clock)
	}
	_, err := b.service.End(t.Context(), facilitator, id)
	check(t, err)
	b.wantWhole(t, w, id)
	until(t, "there is a proof of the end", func() bool { return len(b.proofsOf(id)) == 1 })
	wantProofs(t, b.proofsOf(id), 1)
}

// terminateLock ends the connection that holds an advisory lock of package store.
func terminateLock(t *testing.T, url, name string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	check(t, err)
	defer conn.Close(context.Background())
	sum := sha256.Sum256([]byte("firedrill lock " + name))
	var ended bool
	check(t, conn.QueryRow(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_locks
		WHERE locktype = 'advisory' AND granted AND classid::bigint = $1 AND objid::bigint = $2`,
		int64(binary.BigEndian.Uint32(sum[:4])), int64(binary.BigEndian.Uint32(sum[4:8]))).Scan(&ended))
	if !ended {
		t.Fatal("nobody holds the lock")
	}
}
