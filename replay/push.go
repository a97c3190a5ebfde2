package replay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"
)

const (
	// firstBackoff and maxBackoff bound the pause between two tries; it doubles, with up to a quarter of jitter.
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = 5 * time.Second
	// maxRetryAfter bounds what a server may ask for: a live session cannot wait for longer.
	maxRetryAfter = time.Minute
	// warnEvery is how often a sink that keeps failing is reported.
	warnEvery = 10 * time.Second
)

// push delivers items in order and counts into t. It retries until they are acknowledged or finally
// refused, or ctx ends. Where the back end may hold some of them already, it reads back first.
func (p *pipe[T]) push(ctx context.Context, items []T, doubt bool, t *Totals) error {
	r := retry{log: p.log.With("signal", p.signal)}
	t.Read += int64(len(items))
	if doubt {
		missing, err := p.missing(ctx, items, &r)
		if err != nil {
			return err
		}
		t.Sent += int64(len(items) - len(missing))
		items = missing
	}
	for len(items) > 0 {
		n, err := p.sink.Push(ctx, items)
		if err != nil && ctx.Err() != nil {
			return ctx.Err()
		}
		var pe *PushError
		if err != nil && !errors.As(err, &pe) {
			return fmt.Errorf("push %s: %w", p.signal, err)
		}
		if n < 1 || n > len(items) {
			return fmt.Errorf("push %s: the sink reports a request with %d items of %d, which is its mistake", p.signal, n, len(items))
		}
		if err == nil {
			t.Sent += int64(n)
			p.acknowledged.Store(true)
			p.metrics.sent(p.signal, n)
			items = items[n:]
			r.reset()
			continue
		}
		if !pe.Retryable {
			refused := pe.Refused
			if refused < 1 || refused > n {
				refused = n
			}
			t.Sent += int64(n - refused)
			t.Refused += int64(refused)
			p.metrics.refused(p.signal, refused)
			p.status.refusal(p.signal, pe)
			p.log.Error("back end refused items for good", "signal", p.signal, "items", refused, "of", n, "answer", pe.Error())
			items = items[n:]
			continue
		}
		t.Retried++
		p.metrics.retried(p.signal)
		if err := r.wait(ctx, pe, p.giveUp()); err != nil {
			return fmt.Errorf("push %s: %w", p.signal, err)
		}
		if pe.Unacknowledged {
			missing, err := p.missing(ctx, items[:n], &r)
			if err != nil {
				return err
			}
			t.Sent += int64(n - len(missing))
			items = append(missing[:len(missing):len(missing)], items[n:]...)
		}
	}
	return nil
}

// missing asks the sink until it answers. Items stay as they are: the sink gets a copy. A server that cannot be
// reached is waited for, as in push; other errors are tried again for as long as Options.GiveUp,
// since an answer may have been cut off.
func (p *pipe[T]) missing(ctx context.Context, items []T, r *retry) ([]T, error) {
	unclear := retry{log: r.log}
	for {
		missing, err := p.sink.Missing(ctx, slices.Clone(items))
		if err == nil {
			if n := len(items) - len(missing); n > 0 {
				p.log.Info("read back what an unacknowledged push had stored", "signal", p.signal, "stored", n, "missing", len(missing))
			}
			return missing, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var pe *PushError
		switch {
		case !errors.As(err, &pe):
			err = unclear.wait(ctx, &PushError{Err: err}, p.opts.GiveUp)
		case pe.Retryable:
			err = r.wait(ctx, pe, p.giveUp())
		}
		if err != nil {
			return nil, fmt.Errorf("read back %s: %w", p.signal, err)
		}
	}
}

// giveUp is how long a push is retried: for ever once the back end has taken anything, since it will
// come back; else only as long as a server may take to start, since the address is probably wrong.
func (p *pipe[T]) giveUp() time.Duration {
	if p.acknowledged.Load() {
		return 0
	}
	return p.opts.GiveUp
}

// retry spaces the tries of one push.
type retry struct {
	log     *slog.Logger
	since   time.Time // of the first failure in a row
	warned  time.Time
	backoff time.Duration
}

func (r *retry) reset() {
	if !r.warned.IsZero() {
		r.log.Info("back end takes items again", "after", time.Since(r.since).Round(time.Millisecond))
	}
	*r = retry{log: r.log}
}

// wait sleeps before the next try. It returns an error when ctx ends, or when giveUp, unless 0, has
// passed since the first failure.
func (r *retry) wait(ctx context.Context, cause *PushError, giveUp time.Duration) error {
	now := time.Now()
	if r.since.IsZero() {
		r.since, r.backoff = now, firstBackoff
	}
	if giveUp > 0 && now.Sub(r.since) >= giveUp {
		return fmt.Errorf("gave up after %v: %w", giveUp, cause)
	}
	if now.Sub(r.warned) >= warnEvery {
		r.log.Warn("back end does not take items, trying again", "answer", cause.Error())
		r.warned = now
	}
	d := max(r.backoff+rand.N(r.backoff/4), min(cause.RetryAfter, maxRetryAfter))
	r.backoff = min(2*r.backoff, maxBackoff)
	return sleep(ctx, d)
}
