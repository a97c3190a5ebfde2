package replay

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// Sink delivers items of one signal to a back end. Items carry wall times; the sink changes nothing
// in them but what its own options declare (extra labels, a tenant). It is safe for concurrent use;
// the engine never has two pushes with items of the same series or stream under way.
type Sink[T Item] interface {
	// Push sends one request with the longest prefix of items that fits into it, and returns the
	// length of that prefix, at least 1 when items is not empty, whatever the outcome. A nil error
	// means that the back end acknowledged all of the prefix. Any other is a *PushError. The sink
	// keeps no reference to items after it has returned. It does not retry.
	Push(ctx context.Context, items []T) (n int, err error)
	// Missing reads back and returns those of items (in order, possibly sharing its array) that the
	// back end does not hold. The engine asks after an unacknowledged push and after a crash.
	Missing(ctx context.Context, items []T) ([]T, error)
	// Close releases connections. It does not wait for anything.
	Close() error
}

// PushError says how a push failed.
type PushError struct {
	// Retryable: the same items may be accepted later (connection refused, 5xx, 429).
	// Otherwise the refusal is final.
	Retryable bool
	// RetryAfter is the least time to wait that the server asked for; 0 when it did not.
	RetryAfter time.Duration
	// Unacknowledged: the back end may hold some of the items all the same.
	Unacknowledged bool
	// Refused counts the items that were finally refused; the others of the request were stored.
	// It counts only when Retryable is false.
	Refused int
	// Status is the protocol's own status, for example "400 Bad Request" or "ResourceExhausted".
	Status string
	// Words are the server's own words, at most MaxWords bytes.
	Words string
	// Err is the cause when there was no answer.
	Err error
}

// MaxWords limits how much of a server's answer is kept, in bytes. Prometheus's own client keeps as much
// (storage/remote/client.go, maxErrMsgLen).
const MaxWords = 1024

func (e *PushError) Error() string {
	switch {
	case e.Err != nil && e.Words == "":
		return e.Err.Error()
	case e.Words == "":
		return "server answered " + e.Status
	}
	return fmt.Sprintf("server answered %s: %s", e.Status, e.Words)
}

func (e *PushError) Unwrap() error { return e.Err }

// Stored is what a back end says it holds of one session.
type Stored struct {
	Items        int64 // samples with stale markers, lines or spans
	StaleMarkers int64 // the samples among them that are stale markers
	Exemplars    int64
}

// Counter reads back what a back end holds, for the proof. The range is [from, to) in wall time.
type Counter interface {
	Stored(ctx context.Context, from, to time.Time) (Stored, error)
}

// TraceCounter is the Counter of a trace store, which is asked trace by trace.
type TraceCounter interface {
	StoredTraces(ctx context.Context, ids []pcommon.TraceID) (Stored, error)
}
