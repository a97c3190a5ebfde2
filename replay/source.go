package replay

import "time"

// Reader yields items in order of their due time: samples by T, records by T, spans by end time, each with
// the item's Lag added.
// Items of one series or stream with equal times keep the order in which they were recorded.
// A Reader is not safe for concurrent use.
type Reader[T Item] interface {
	// Read fills p with the next items and returns how many. It returns io.EOF, with 0, after the
	// last. The items stay valid after the next Read and after Close: nothing is reused.
	Read(p []T) (int, error)
	Close() error
}

// Source is what a replay reads from; a recording is one. Ranges are half-open, [from, to), in
// recorded time, and apply to due times. A Source is safe for concurrent use; its Readers are not.
type Source interface {
	Samples(from, to time.Time) (Reader[Sample], error)
	Records(from, to time.Time) (Reader[Record], error)
	Spans(from, to time.Time) (Reader[Span], error)
	// Bounds returns the earliest due time and the instant after the latest, or bounds around them.
	Bounds() (start, end time.Time)
}
