package distort

import (
	"hash/fnv"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"firedrill/replay"
	"firedrill/replay/rebase"
)

// recordChain applies the rules of logs.
type recordChain struct {
	rules    []rule
	hasTrace func(pcommon.TraceID) bool
	streams  byID
	counts   [][]perSecond // for each rule that is a rate limit, by stream
	hashes   bool          // a rule draws for each line
	same     sameLines
}

// perSecond counts the lines of a stream in the second that began last.
type perSecond struct {
	second int64
	lines  int
}

func newRecordChain(rules []rule, hasTrace func(pcommon.TraceID) bool) *recordChain {
	c := &recordChain{rules: rules, hasTrace: hasTrace, counts: make([][]perSecond, len(rules))}
	for i := range rules {
		switch rules[i].Kind {
		case LogLoss:
			c.hashes = true
		case TruncatedLines:
			c.hashes, c.same.possible = true, true
		case LogsWithoutTraceID:
			c.same.possible = true
		}
	}
	return c
}

func (c *recordChain) apply(rec *replay.Record) (due int64, ok bool) {
	t := rec.T
	f := c.streams.at(rec.Stream.ID)
	if !f.known {
		*f = streamFacts(c.rules, rec.Stream.Labels)
	}
	var line uint64
	if c.hashes && f.rules != 0 {
		h := fnv.New64a()
		h.Write(rec.Line)
		line = h.Sum64()
	}
	due = t
	renamed := false
	for i := range c.rules {
		r := &c.rules[i]
		if f.rules&r.bit == 0 {
			continue
		}
		if r.Kind == IngestionLag {
			due = r.late(due, f.key)
			continue
		}
		if !r.in(t) {
			continue
		}
		switch r.Kind {
		case LogLoss:
			if r.draw.hits(r.Share, f.key, uint64(t), line) {
				return 0, false
			}
		case LogRateLimit:
			if !c.within(i, rec.Stream.ID, t) {
				return 0, false
			}
		case LogsWithoutTraceID:
			removeIDs(rec, c.hasTrace)
		case TruncatedLines:
			if len(rec.Line) > r.MaxBytes && (r.Share == 0 || r.draw.hits(r.Share, f.key, uint64(t), line)) {
				rec.Line = truncate(rec.Line, r.MaxBytes, rec.T, func(id [16]byte) bool { return c.hasTrace(id) })
			}
		case BrokenPropagation:
			if !renamed {
				renamed = true
				rewrite(rec, &r.text, 0)
			}
		case ClockSkew:
			rewrite(rec, &rebase.Text{}, time.Duration(r.skew()))
			rec.T += r.skew()
		}
	}
	if !c.same.first(t, rec) {
		return 0, false
	}
	// A line that a fast clock stamped is held back until then: nothing comes from the future.
	due = max(due, rec.T)
	rec.Lag = time.Duration(due - rec.T)
	return due, true
}

// within counts a line against the rate limit that the i-th rule is.
func (c *recordChain) within(i int, stream uint32, t int64) bool {
	for len(c.counts[i]) <= int(stream) {
		c.counts[i] = append(c.counts[i], perSecond{})
	}
	n := &c.counts[i][stream]
	if second := t - mod(t, int64(time.Second)); n.second != second {
		*n = perSecond{second: second}
	}
	n.lines++
	return n.lines <= c.rules[i].Rate
}

// rewrite applies a rebase to a line and its metadata.
func rewrite(rec *replay.Record, text *rebase.Text, shift time.Duration) {
	rec.Line = text.Line(rec.Line, rec.T, shift)
	for i := range rec.Metadata {
		m := &rec.Metadata[i]
		m.Value = text.Named(m.Name, m.Value, rec.T, shift)
	}
}

// sameLines finds lines that have become equal: Loki keeps one of those that agree in stream, time and text.
type sameLines struct {
	possible bool
	at       int64 // recorded
	seen     map[sameLine]bool
}

type sameLine struct {
	stream uint32
	line   string
}

// first tells whether a line, recorded at t, is the first of its kind.
func (s *sameLines) first(t int64, rec *replay.Record) bool {
	if !s.possible {
		return true
	}
	if s.seen == nil {
		s.seen = make(map[sameLine]bool)
	}
	if t != s.at {
		s.at = t
		clear(s.seen)
	}
	l := sameLine{rec.Stream.ID, string(rec.Line)}
	seen := s.seen[l]
	s.seen[l] = true
	return !seen
}
