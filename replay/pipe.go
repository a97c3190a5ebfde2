package replay

import (
	"context"
	"fmt"
	"io"
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
	// flushEvery is how long live items are gathered before they are pushed: it bounds requests per
	// second and adds at most this much to lateness.
	flushEvery = 40 * time.Millisecond
	// maxWait bounds one wait for a due time, so that a step of the wall clock is noticed.
	maxWait = time.Second
	// readAhead is the number of items the reading goroutine decodes at a time.
	readAhead = 4096
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
	spent   chan []T // emptied chunks, for the reading goroutine to fill again
	spaces  [2][]T   // hold a round and what was read after it, in turn: one is filled while the other is delivered
	buf     []T      // read and not yet delivered
	readErr error
	lanes   [maxLanes][]T // of the round under way; reused

	progress signalCheckpoint // what this process knows, ahead of what is on disk
	partial  Totals           // of the round that was cut short, if any
	doubt    int64            // items due before it may be stored already (resumed replays only)
	lastRun  time.Time

	acknowledged atomic.Bool // the sink has taken something
}

func (p *pipe[T]) name() Signal { return p.signal }

// totals includes what was done of a round that was cut short.
func (p *pipe[T]) totals() Totals {
	t := p.progress.Totals
	t.add(p.partial)
	return t
}

// countUnsent counts as read what is due and was never pushed, so that the proof shows it.
func (p *pipe[T]) countUnsent() error {
	horizon, _ := p.timeline.due(time.Now().UnixNano())
	r, err := p.open(time.Unix(0, p.progress.Acknowledged), time.Unix(0, horizon))
	if err != nil {
		return fmt.Errorf("read %s: %w", p.signal, err)
	}
	defer r.Close()
	p.partial.Read = 0
	buf := make([]T, readAhead)
	for {
		n, err := r.Read(buf)
		p.partial.Read += int64(n)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", p.signal, err)
		}
	}
}

func (p *pipe[T]) save() error { return p.checkpoint.update(p.signal, p.progress) }

// stored asks the sink, where it is a Counter, what it holds between two wall times.
func (p *pipe[T]) stored(ctx context.Context, from, to time.Time) (Stored, error) {
	if c, ok := p.sink.(Counter); ok {
		return c.Stored(ctx, from, to)
	}
	return Stored{}, errNotCounted
}

type chunk[T Item] struct {
	items []T
	err   error
}

// first returns when the first item to be delivered is due; ok is false when there is none.
func (p *pipe[T]) first() (due int64, ok bool, err error) {
	_, end := p.source.Bounds()
	r, err := p.open(time.Unix(0, p.progress.Acknowledged), end)
	if err != nil {
		return 0, false, fmt.Errorf("read %s: %w", p.signal, err)
	}
	defer r.Close()
	var one [1]T
	switch n, err := r.Read(one[:]); {
	case n == 1:
		return p.due(&one[0]), true, nil
	case err == io.EOF:
		return 0, false, nil
	default:
		return 0, false, fmt.Errorf("read %s: %w", p.signal, err)
	}
}

// start begins to read ahead, from the checkpoint on.
func (p *pipe[T]) start(ctx context.Context, g *errgroup.Group, to time.Time) error {
	r, err := p.open(time.Unix(0, p.progress.Acknowledged), to)
	if err != nil {
		return fmt.Errorf("read %s: %w", p.signal, err)
	}
	p.ahead = make(chan chunk[T], 2)
	p.spent = make(chan []T, 2)
	g.Go(func() error {
		defer close(p.ahead)
		defer r.Close()
		for {
			var items []T
			select {
			case items = <-p.spent:
			default:
				items = make([]T, readAhead)
			}
			n, err := r.Read(items)
			select {
			case p.ahead <- chunk[T]{items[:n], err}:
			case <-ctx.Done():
				return nil
			}
			if err != nil {
				return nil
			}
		}
	})
	return nil
}

// load delivers what is due, in bulk, until nothing is. The next round is gathered while one is
// delivered: the back end has always something to do.
func (p *pipe[T]) load(ctx context.Context) error {
	round, _, err := p.gatherDue(ctx)
	for err == nil && len(round) > 0 {
		done := make(chan error, 1)
		go func() { done <- p.deliver(ctx, round, false) }()
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
			if err := p.deliver(ctx, round, true); err != nil {
				return err
			}
			if len(round) < p.round {
				if err := sleep(ctx, flushEvery-time.Since(p.lastRun)); err != nil {
					return err
				}
			}
			continue
		}
		if ended || next == nil {
			return nil
		}
		if err := p.await(ctx, p.due(next), flushEvery-time.Since(p.lastRun)); err != nil {
			return err
		}
	}
}

// gather returns what is due before the horizon, at most about p.round items, and the item after
// them, nil at the end. A round stays as it is until the second call after it.
func (p *pipe[T]) gather(ctx context.Context, horizon int64) (round []T, next *T, err error) {
	p.spaces[0], p.spaces[1] = p.spaces[1], p.spaces[0]
	space := &p.spaces[0]
	if *space == nil {
		*space = make([]T, p.round+2*readAhead)
	}
	rest := p.buf
	p.buf = append((*space)[:0], rest...)
	forget(rest)
	*space = p.buf
	n := 0
	for {
		for ; n < len(p.buf); n++ {
			due := p.due(&p.buf[n])
			if due >= horizon || n >= p.round && due != p.due(&p.buf[n-1]) {
				round, p.buf = p.buf[:n:n], p.buf[n:]
				return round, &p.buf[0], nil
			}
		}
		if p.readErr != nil {
			round, p.buf = p.buf, nil
			if p.readErr != io.EOF {
				return nil, nil, p.readErr
			}
			return round, nil, nil
		}
		select {
		case c, ok := <-p.ahead:
			if !ok {
				return nil, nil, context.Cause(ctx)
			}
			p.buf = append(p.buf, c.items...)
			*space = p.buf
			select {
			case p.spent <- forget(c.items[:cap(c.items)]):
			default:
			}
			if c.err == io.EOF {
				p.readErr = io.EOF
			} else if c.err != nil {
				p.readErr = fmt.Errorf("read %s: %w", p.signal, c.err)
			}
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
	}
}

// deliver rebases and pushes one round, and returns when all of it is acknowledged or refused.
func (p *pipe[T]) deliver(ctx context.Context, round []T, live bool) error {
	p.lastRun = time.Now()
	first, last := p.due(&round[0]), p.due(&round[len(round)-1])
	if last >= p.progress.InDoubt {
		// In bulk the bound follows the rounds; live it is written about once a second.
		p.progress.InDoubt = max(last+1, p.timeline.Recorded(time.Now().Add(time.Second).UnixNano()))
		if err := p.checkpoint.update(p.signal, p.progress); err != nil {
			return err
		}
	}
	m := p.timeline.mapping()
	var groups []dueGroup
	if live {
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
			for j := range items {
				p.rebase(&items[j], m)
			}
			return p.push(ctx, items, first < p.doubt, &results[i])
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
	p.status.set(p.signal, p.progress.Totals)
	p.observeLateness(groups)
	forget(round)
	for _, items := range lanes {
		forget(items)
	}
	return nil
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
