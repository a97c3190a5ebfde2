package replay

import (
	"context"
	"fmt"
	"io"
	"time"

	"golang.org/x/sync/errgroup"
)

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
	p.ahead = make(chan chunk[T], 1)
	p.spent = make(chan []T, 1)
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
			n := 0
			err := guard(func() (err error) { n, err = r.Read(items); return err })
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

// gather returns what is due before the horizon, at most about p.round items, and the item after
// them, nil at the end. A round stays as it is until the second call after it.
func (p *pipe[T]) gather(ctx context.Context, horizon int64) (round []T, next *T, err error) {
	p.spaces[0], p.spaces[1] = p.spaces[1], p.spaces[0]
	space := &p.spaces[0]
	switch {
	case p.live && cap(*space) > liveSpace:
		*space = nil // it grows to what is needed
	case !p.live && *space == nil:
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
