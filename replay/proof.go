package replay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// Proof compares, for each signal, what was read from the recording, what was sent and what the back
// end says it holds.
type Proof struct {
	Signals []SignalProof `json:"signals"`
}

// SignalProof is one row of a Proof.
type SignalProof struct {
	Signal  Signal `json:"signal"`
	Read    int64  `json:"read"`
	Sent    int64  `json:"sent"`
	Refused int64  `json:"refused"`
	// Stored is what the back end holds of the recording, read back from it; the stale markers
	// that the engine made are not in it.
	Stored     int64 `json:"stored"`
	Difference int64 `json:"difference"` // Stored - Read
	// MadeStale counts the stale markers that the engine sent when the session ended, and stored.
	MadeStale int64 `json:"made_stale,omitempty"`
	// ExemplarsRead and ExemplarsStored count the exemplars of the samples. They are shown and not judged: a
	// back end may keep fewer, since it holds them in a ring that all sessions share, or in none.
	ExemplarsRead   int64 `json:"exemplars_read,omitempty"`
	ExemplarsStored int64 `json:"exemplars_stored,omitempty"`
	// Refusal is the server's words for the last final refusal.
	Refusal string `json:"refusal,omitempty"`
}

// OK tells whether the numbers of all signals agree: what was read, sent and stored.
func (p *Proof) OK() bool {
	for _, s := range p.Signals {
		if s.Read != s.Sent || s.Read != s.Stored {
			return false
		}
	}
	return true
}

// errNotCounted is returned for a sink that cannot read back.
var errNotCounted = errors.New("this sink cannot be read back")

// prove reads back what the back ends hold of the session so far.
func (r *Replay) prove(ctx context.Context) (*Proof, error) {
	_, refusals := r.status.snapshot()
	proof := &Proof{}
	for _, p := range r.pipes {
		t := p.totals()
		stored, err := r.readBack(ctx, p)
		if err != nil {
			return nil, fmt.Errorf("read back %s for the proof: %w", p.name(), err)
		}
		row := SignalProof{Signal: p.name(), Read: t.Read, Sent: t.Sent, Refused: t.Refused, Refusal: refusals[p.name()].Refusal}
		row.Stored = stored.Items
		if p.name() == Metrics {
			row.MadeStale = r.madeStale
			row.Stored -= row.MadeStale
			row.ExemplarsRead, row.ExemplarsStored = t.Exemplars, stored.Exemplars
		}
		row.Difference = row.Stored - row.Read
		proof.Signals = append(proof.Signals, row)
	}
	return proof, nil
}

// readBack asks a back end what it holds, and waits for one that is just starting again.
func (r *Replay) readBack(ctx context.Context, p runner) (Stored, error) {
	retry := retry{log: r.log.With("signal", p.name(), "for", "proof")}
	for {
		stored, err := r.storedOf(ctx, p)
		var pe *PushError
		if err == nil || !errors.As(err, &pe) || !pe.Retryable {
			return stored, err
		}
		if err := retry.wait(ctx, pe, r.opts.Drain); err != nil {
			return Stored{}, err
		}
	}
}

func (r *Replay) storedOf(ctx context.Context, p runner) (Stored, error) {
	if p.name() == Traces {
		if c, ok := r.sinks.Spans.(TraceCounter); ok {
			ids, err := r.sentTraces()
			if err != nil {
				return Stored{}, err
			}
			return c.StoredTraces(ctx, ids)
		}
	}
	// What lags may carry a time from before the start.
	from := time.Unix(0, r.timeline.Wall(r.from.Add(-MaxLag).UnixNano()))
	return p.stored(ctx, from, time.Now())
}

// sentTraces returns the remapped ids of all traces of which a span was due so far. It reads the
// recording again, so that nothing need be remembered while it plays; 16 bytes a trace are held here.
func (r *Replay) sentTraces() ([]pcommon.TraceID, error) {
	horizon, _ := r.timeline.due(time.Now().UnixNano())
	reader, err := r.source.Spans(r.from, time.Unix(0, horizon))
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	text := newText(r.opts.Key, nil)
	var ids []pcommon.TraceID
	distinct := func() {
		slices.SortFunc(ids, func(a, b pcommon.TraceID) int { return bytes.Compare(a[:], b[:]) })
		ids = slices.Compact(ids)
	}
	buf := make([]Span, readAhead)
	for limit := 1 << 16; ; {
		n, err := reader.Read(buf)
		for _, s := range buf[:n] {
			ids = append(ids, s.Span.TraceID())
		}
		if len(ids) > limit {
			distinct()
			limit = max(limit, 2*len(ids))
		}
		if err == io.EOF {
			distinct()
			for i, id := range ids {
				ids[i] = text.IDs.Trace(id)
			}
			return ids, nil
		}
		if err != nil {
			return nil, err
		}
	}
}
