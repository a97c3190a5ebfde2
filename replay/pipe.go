package replay

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// The soft limits of items in one round, about 15 MB of each signal; items that are due at the same
	// instant stay together.
	maxSamples = 40_000
	maxRecords = 20_000
	maxSpans   = 10_000
	// maxLanes is how many connections a large round is shared out over, so that some are encoding
	// while the back end works on the others.
	maxLanes = 4
	// laneMin is the least number of items that is worth a second connection.
	laneMin = 4_000
	// maxWait bounds one wait for a due time, so that a step of the wall clock is noticed.
	maxWait = time.Second
	// readAhead is the number of items the reading goroutine takes at a time. Up to three times as many wait
	// for their time in memory, which counts where a hundred sessions are live: a span takes a kilobyte or two.
	readAhead = 256
	// liveSpace is the largest buffer, in items, that is kept for rounds of a live session.
	liveSpace = 4096
)

// pipe carries one signal from the source to its sink, in rounds: gather what is due, rebase it,
// push it, wait for the acknowledgement. A round ends between two due times, so that "everything due
// before t is acknowledged" describes the progress exactly.
type pipe[T Item] struct {
	signal    Signal
	open      func(from, to time.Time) (Reader[T], error)
	sink      Sink[T]
	round     int                // soft limit of items in one round
	due       func(*T) int64     // recorded due time, ns
	lane      func(*T) uint32    // items of equal value are pushed in order
	prepare   func([]T, mapping) // sees each round before it is shared out; may be nil
	rebase    func(*T, mapping)
	exemplars func(*T) int // how many an item carries; may be nil
	observe   func([]T)    // sees rebased items after they were acknowledged, in order; may be nil
	*shared

	ahead   chan chunk[T]
	live    bool
	spent   chan []T // emptied chunks, for the reading goroutine to fill again
	spaces  [2][]T   // hold a round and what was read after it, in turn: one is filled while the other is delivered
	buf     []T      // read and not yet delivered
	readErr error
	lanes   [maxLanes][]T // of the round under way; reused

	progress progress
	partial  Totals // of the round that was cut short, if any
	doubt    int64  // items due before it may be stored already (resumed replays only)
	lastRun  time.Time

	acknowledged atomic.Bool // the sink has taken something
}

// progress is how far a pipe has come.
type progress struct {
	Acknowledged int64 // everything due before it was acknowledged or finally refused
	Totals       Totals
}

func (p *pipe[T]) name() Signal { return p.signal }

// totals includes what was done of a round that was cut short.
func (p *pipe[T]) totals() Totals {
	t := p.progress.Totals
	t.add(p.partial)
	return t
}

// stored asks the sink, where it is a Counter, what it holds between two wall times.
func (p *pipe[T]) stored(ctx context.Context, from, to time.Time) (Stored, error) {
	if c, ok := p.sink.(Counter); ok {
		return c.Stored(ctx, from, to)
	}
	return Stored{}, errNotCounted
}

// load delivers what is due, in bulk, until nothing is. The next round is gathered while one is
// delivered: the back end has always something to do.
func (p *pipe[T]) load(ctx context.Context) error {
	round, _, err := p.gatherDue(ctx)
	for err == nil && len(round) > 0 {
		done := make(chan error, 1)
		go func() { done <- guard(func() error { return p.deliver(ctx, round) }) }()
		next, _, gatherErr := p.gatherDue(ctx)
		// What failed first counts, and nothing goes on behind the caller's back.
		if err := <-done; err != nil {
			return err
		}
		round, err = next, gatherErr
	}
	return err
}

// gatherDue gathers what is due now.
func (p *pipe[T]) gatherDue(ctx context.Context) (round []T, next *T, err error) {
	horizon, _ := p.timeline.due(time.Now().UnixNano())
	return p.gather(ctx, horizon)
}

// play delivers items as they become due, until the timeline or the recording ends.
func (p *pipe[T]) play(ctx context.Context) error {
	p.live = true
	p.lanes = [maxLanes][]T{} // they are as large as the rounds of the history were
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		horizon, ended := p.timeline.due(time.Now().UnixNano())
		round, next, err := p.gather(ctx, horizon)
		if err != nil {
			return err
		}
		if len(round) > 0 {
			if err := p.deliver(ctx, round); err != nil {
				return err
			}
			if len(round) < p.round {
				if err := sleep(ctx, p.opts.FlushEvery-time.Since(p.lastRun)); err != nil {
					return err
				}
			}
			continue
		}
		if ended || next == nil {
			return nil
		}
		if err := p.await(ctx, p.due(next), p.opts.FlushEvery-time.Since(p.lastRun)); err != nil {
			return err
		}
	}
}

// deliver rebases and pushes one round, and returns when all of it is acknowledged or refused.
func (p *pipe[T]) deliver(ctx context.Context, round []T) error {
	p.lastRun = time.Now()
	first, last := p.due(&round[0]), p.due(&round[len(round)-1])
	if last >= p.checkpoint.announced(p.signal) {
		if err := p.announce(last, len(round) < p.round); err != nil {
			return err
		}
	}
	m := p.timeline.mapping()
	var groups []dueGroup
	if p.live {
		groups = p.groups(round, m)
	}
	if p.prepare != nil {
		p.prepare(round, m)
	}
	lanes := p.split(round)
	results := make([]Totals, len(lanes))
	var g errgroup.Group
	for i, items := range lanes {
		g.Go(func() error {
			return guard(func() error {
				for j := range items {
					p.rebase(&items[j], m)
				}
				return p.push(ctx, items, first < p.doubt, &results[i])
			})
		})
	}
	err := g.Wait()
	var sum Totals
	for i, items := range lanes {
		sum.add(results[i])
		if p.observe != nil && err == nil {
			p.observe(items)
		}
	}
	if err != nil {
		p.partial = sum
		return err
	}
	if p.exemplars != nil {
		for i := range round {
			sum.Exemplars += int64(p.exemplars(&round[i]))
		}
	}
	p.progress.Totals.add(sum)
	p.progress.Acknowledged = last + 1
	p.checkpoint.note(p.signal, p.progress.Acknowledged, p.progress.Totals)
	p.status.set(p.signal, p.progress.Totals)
	p.observeLateness(groups)
	forget(round)
	for _, items := range lanes {
		forget(items)
	}
	return nil
}

// announce has the checkpoint say that what is due up to last may be pushed. A round of the history is announced by itself,
// one that reaches up to now together with what comes soon.
func (p *pipe[T]) announce(last int64, upToNow bool) error {
	if !p.live && !upToNow {
		return p.checkpoint.announceRound(p.signal, last+1)
	}
	return p.checkpoint.announce(func() int64 {
		if p.checkpoint.announced(p.signal) > last { // by another, while this one waited for its turn
			return 0
		}
		return max(last+1, p.soon())
	})
}

// split divides a round so that items of one lane value stay together and in order.
func (p *pipe[T]) split(round []T) [][]T {
	if len(round) < laneMin {
		return [][]T{round}
	}
	for i := range p.lanes {
		p.lanes[i] = p.lanes[i][:0]
	}
	for i := range round {
		k := p.lane(&round[i]) % maxLanes
		p.lanes[k] = append(p.lanes[k], round[i])
	}
	return p.lanes[:]
}

// forget clears items that are done with: what they point to, lines and whole messages of spans, would
// else live as long as the buffer.
func forget[T Item](items []T) []T {
	clear(items)
	return items
}

// dueGroup is a number of items that are due at the same wall time, in ns.
type dueGroup struct {
	wall  int64
	items int
}

func (p *pipe[T]) groups(round []T, m mapping) []dueGroup {
	var groups []dueGroup
	var last int64
	for i := range round {
		if due := p.due(&round[i]); i == 0 || due != last {
			groups = append(groups, dueGroup{wall: m.wall(due)})
			last = due
		}
		groups[len(groups)-1].items++
	}
	return groups
}

// observeLateness records how long after its due time each item of a live round was acknowledged.
// What was due before this process went live is backlog, not late.
func (p *pipe[T]) observeLateness(groups []dueGroup) {
	now, since := time.Now().UnixNano(), p.status.liveSince()
	for _, g := range groups {
		if g.wall >= since {
			p.status.late(p.signal, time.Duration(now-g.wall), g.items)
		}
	}
}

// await waits until the recorded time is due, at least for so long, or until the timeline changes. It may
// return earlier.
func (s *shared) await(ctx context.Context, recorded int64, least time.Duration) error {
	d, ok, changed := s.timeline.wait(recorded, time.Now().UnixNano())
	if !ok {
		d = maxWait
	}
	timer := time.NewTimer(min(max(d, least), maxWait))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-changed:
	case <-ctx.Done():
	}
	return ctx.Err()
}

// sleep waits for d, or returns the error of ctx when that ends before.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
