package recording

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/chunks"

	"firedrill/replay"
)

// carrier holds exemplars until the first sample of their series at or after them.
type carrier struct {
	r       *Recording
	file    *exemplarReader
	waiting map[uint32][]replay.Exemplar // by series id, in order of time
	has     []bool                       // by series id: there are some waiting
}

func newCarrier(r *Recording) (*carrier, error) {
	f, err := openExemplars(r.dir)
	if err != nil {
		return nil, err
	}
	return &carrier{r: r, file: f, waiting: map[uint32][]replay.Exemplar{}}, nil
}

// load takes in all exemplars before the time to, in ms.
func (c *carrier) load(to int64) error {
	for {
		e, err := c.file.peek()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if e.T >= to {
			return nil
		}
		id := c.r.internSeries(e.series).ID
		c.waiting[id] = append(c.waiting[id], e.Exemplar)
		if int(id) >= len(c.has) {
			c.has = append(c.has, make([]bool, int(id)+1-len(c.has))...)
		}
		c.has[id] = true
		c.file.pass()
	}
}

// take returns the exemplars of a series that its sample at t carries, in ms.
func (c *carrier) take(id uint32, t int64) []replay.Exemplar {
	if int(id) >= len(c.has) || !c.has[id] {
		return nil
	}
	es := c.waiting[id]
	n := 0
	for n < len(es) && es[n].T <= t {
		n++
	}
	if n == 0 {
		return nil
	}
	if n == len(es) {
		delete(c.waiting, id)
		c.has[id] = false
	} else {
		c.waiting[id] = slices.Clone(es[n:])
	}
	return es[:n:n]
}

// drop forgets the exemplars of a series that a sample at t, which is not read, carries.
func (c *carrier) drop(id uint32, t int64) { c.take(id, t) }

// skip forgets the exemplars that samples of a block carry, which is not read.
func (c *carrier) skip(b *block) error {
	if err := c.load(b.meta.MaxTime); err != nil {
		return err
	}
	if len(c.waiting) == 0 {
		return nil
	}
	return b.eachSeries(func(l labels.Labels, cs []chunks.Meta) error {
		if len(cs) == 0 {
			return in(filepath.Join(b.dir, "index"), "", fmt.Errorf("series %s has no chunks", l))
		}
		c.drop(c.r.internSeries(l).ID, cs[len(cs)-1].MaxTime)
		return nil
	})
}
