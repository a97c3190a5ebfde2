package remotewrite

import (
	"context"
	"maps"
	"slices"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"

	"firedrill/replay"
)

// wanted is the samples of one series that are looked for.
type wanted struct {
	labels labels.Labels
	items  []int // sorted by time
}

// Missing implements replay.Sink. A sample is there when its series holds any value at its time;
// exemplars are not looked for. Samples of series that no receiver takes are missing. Memory grows
// with items, not with what the receiver holds.
func (s *Sink) Missing(ctx context.Context, items []replay.Sample) ([]replay.Sample, error) {
	if len(items) == 0 {
		return items, nil
	}
	bySlice := make(map[int64][]int)
	for i := range items {
		t := items[i].T
		slice := t - mod(t, readSlice)
		bySlice[slice] = append(bySlice[slice], i)
	}
	found := make([]bool, len(items))
	for _, slice := range slices.Sorted(maps.Keys(bySlice)) {
		if err := s.find(ctx, items, bySlice[slice], found); err != nil {
			return nil, err
		}
	}
	missing := items[:0]
	for i := range items {
		if !found[i] {
			missing = append(missing, items[i])
		}
	}
	return missing, nil
}

// find marks those of items, given by their indexes, that the receiver holds.
func (s *Sink) find(ctx context.Context, items []replay.Sample, indexes []int, found []bool) error {
	var (
		from, to = items[indexes[0]].T, items[indexes[0]].T
		bySeries = make(map[*replay.Series]*wanted)
		byHash   = make(map[uint64][]*wanted)
		names    = make(map[string]bool)
	)
	for _, i := range indexes {
		it := &items[i]
		from, to = min(from, it.T), max(to, it.T)
		w := bySeries[it.Series]
		if w == nil {
			ls, _ := withExtra(it.Series.Labels, s.extra)
			w = &wanted{labels: ls}
			bySeries[it.Series] = w
			byHash[ls.Hash()] = append(byHash[ls.Hash()], w)
			names[ls.Get(model.MetricNameLabel)] = true
		}
		w.items = append(w.items, i)
	}
	for _, w := range bySeries {
		slices.SortFunc(w.items, func(a, b int) int { return compare(items[a].T, items[b].T) })
	}
	delete(names, "")
	b := labels.NewScratchBuilder(16)
	return s.read(ctx, from, to, s.matchers(slices.Sorted(maps.Keys(names))), func(ls []prompb.Label, points pointIterator) error {
		all := sortedLabels(&b, ls)
		// Several Series may have the same labels, if they come from several Sources.
		var same []*wanted
		for _, w := range byHash[all.Hash()] {
			if labels.Equal(w.labels, all) {
				same = append(same, w)
			}
		}
		if len(same) == 0 {
			return nil
		}
		return points.each(func(p point) {
			for _, w := range same {
				at, _ := slices.BinarySearchFunc(w.items, p.t, func(i int, t int64) int { return compare(items[i].T, t) })
				for ; at < len(w.items) && items[w.items[at]].T == p.t; at++ {
					found[w.items[at]] = true
				}
			}
		})
	})
}

func compare(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
