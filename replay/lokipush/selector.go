package lokipush

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
)

// maxSelector limits the selector of a query that asks for several streams, in bytes: it travels in a
// URL, and proxies take about 8 KiB of it.
const maxSelector = 2 << 10

// serviceName is the label that Loki adds to a stream without it (discover_service_name).
const serviceName = "service_name"

// batch is a group of streams with the same label names that one selector matches.
type batch struct {
	selector string
	known    []string                 // all label names known
	streams  map[string]*wantedStream // by text of their labels
	from, to int64
	page     int // lines to ask for at once
}

// batches groups the streams so that a selector stays within maxSelector. Names outside a group that
// any set knows are excluded, so that a selector matches no streams with further labels.
func (w *search) batches(sets [][]string) []*batch {
	groups := map[string][]*wantedStream{}
	for _, ws := range w.streams {
		key := nameKey(ws.names)
		groups[key] = append(groups[key], ws)
		sets = append(sets, ws.names)
	}
	known := slices.Compact(slices.Sorted(slices.Values(slices.Concat(sets...))))
	var out []*batch
	for _, group := range groups {
		for start := 0; start < len(group); {
			size, end := 0, start
			for ; end < len(group) && (end == start || size+len(group[end].labels.String()) <= maxSelector); end++ {
				size += len(group[end].labels.String())
			}
			out = append(out, w.batch(group[start:end], known))
			start = end
		}
	}
	return out
}

func (w *search) batch(group []*wantedStream, known []string) *batch {
	b := &batch{
		selector: selector(group, known),
		known:    known,
		streams:  make(map[string]*wantedStream, len(group)),
		from:     w.from(group[0]),
		to:       w.to(group[0]),
	}
	lines, bytes := 0, 0
	for _, ws := range group {
		b.streams[ws.labels.String()] = ws
		b.from, b.to = min(b.from, w.from(ws)), max(b.to, w.to(ws))
		lines, bytes = lines+len(ws.index), bytes+ws.bytes
	}
	b.page = min(maxPage, max(1, pageBytes/(bytes/lines+1)))
	return b
}

// stream returns which of the batch's streams a stream of an answer is; nil when none. Loki may have
// added service_name and labels that begin with two underscores.
func (b *batch) stream(ls labels.Labels) *wantedStream {
	ls = visible(ls)
	if ws := b.streams[ls.String()]; ws != nil {
		return ws
	}
	return b.streams[labels.NewBuilder(ls).Del(serviceName).Labels().String()]
}

// visible returns labels without those that Loki keeps for itself.
func visible(ls labels.Labels) labels.Labels {
	b := labels.NewBuilder(ls)
	ls.Range(func(l labels.Label) {
		if strings.HasPrefix(l.Name, "__") {
			b.Del(l.Name)
		}
	})
	return b.Labels()
}

// selector matches all streams of a group, which have the same label names, and few others.
func selector(group []*wantedStream, known []string) string {
	var parts []string
	for _, name := range group[0].names {
		var values []string
		for _, ws := range group {
			values = append(values, ws.labels.Get(name))
		}
		slices.Sort(values)
		values = slices.Compact(values)
		if len(values) == 1 {
			parts = append(parts, matcherName(name)+"="+strconv.Quote(values[0]))
			continue
		}
		for i := range values {
			values[i] = regexp.QuoteMeta(values[i])
		}
		parts = append(parts, matcherName(name)+"=~"+strconv.Quote(strings.Join(values, "|")))
	}
	if len(parts) == 0 {
		// A selector needs something that is not empty, and Loki gives a stream without labels this one.
		parts = append(parts, serviceName+`=~".+"`)
	}
	for _, name := range known {
		if name != serviceName && !slices.Contains(group[0].names, name) {
			parts = append(parts, matcherName(name)+`=""`)
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// cover returns few names such that each set that is not empty holds at least one of them.
func cover(sets [][]string) []string {
	left := slices.DeleteFunc(slices.Clone(sets), func(set []string) bool { return len(set) == 0 })
	var chosen []string
	for len(left) > 0 {
		uses := map[string]int{}
		for _, set := range left {
			for _, name := range set {
				uses[name]++
			}
		}
		best := ""
		for name, n := range uses {
			if best == "" || n > uses[best] || n == uses[best] && name < best {
				best = name
			}
		}
		chosen = append(chosen, best)
		left = slices.DeleteFunc(left, func(set []string) bool { return slices.Contains(set, best) })
	}
	return chosen
}

// disjoint returns selectors that together match each stream with any of the names exactly once: the
// first matches all that have names[0], the next those that have names[1] but not names[0], ...
func disjoint(names []string) []string {
	selectors := make([]string, len(names))
	for i, name := range names {
		var b strings.Builder
		b.WriteString("{" + matcherName(name) + `=~".+"`)
		for _, earlier := range names[:i] {
			b.WriteString(", " + matcherName(earlier) + `=""`)
		}
		b.WriteByte('}')
		selectors[i] = b.String()
	}
	return selectors
}

// matcherName quotes a name that is no identifier, as in UTF-8 label names.
func matcherName(name string) string {
	for i, r := range name {
		if r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (i == 0 || r < '0' || r > '9') {
			return strconv.Quote(name)
		}
	}
	return name
}
