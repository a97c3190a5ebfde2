package lokipush

import (
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/prometheus/model/labels"

	"firedrill/replay"
)

// labelCache remembers the text of each stream's labels, and which sets of label names were pushed.
// The zero value is ready; it is safe for concurrent use.
type labelCache struct {
	mu    sync.RWMutex
	texts []labelText         // by Stream.ID
	names map[string][]string // by nameKey
}

type labelText struct {
	labels labels.Labels
	text   string
}

// text returns the stream's labels as Loki takes them, {name="value", ...}. An ID that stands for
// other labels than before, as in another Source, replaces them.
func (c *labelCache) text(s *replay.Stream) string {
	c.mu.RLock()
	if int(s.ID) < len(c.texts) {
		if t := c.texts[s.ID]; t.text != "" && labels.Equal(t.labels, s.Labels) {
			c.mu.RUnlock()
			return t.text
		}
	}
	c.mu.RUnlock()

	t := labelText{labels: s.Labels, text: s.Labels.String()}
	names := labelNames(s.Labels)
	c.mu.Lock()
	defer c.mu.Unlock()
	if missing := int(s.ID) + 1 - len(c.texts); missing > 0 {
		c.texts = append(c.texts, make([]labelText, missing)...)
	}
	c.texts[s.ID] = t
	if c.names == nil {
		c.names = map[string][]string{}
	}
	c.names[nameKey(names)] = names
	return t.text
}

// nameSets returns the distinct sets of label names pushed so far.
func (c *labelCache) nameSets() [][]string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	sets := make([][]string, 0, len(c.names))
	for _, names := range c.names {
		sets = append(sets, names)
	}
	return sets
}

// labelNames returns the names of labels that have a value, in order: an empty value means no label.
func labelNames(ls labels.Labels) []string {
	names := make([]string, 0, 8)
	ls.Range(func(l labels.Label) {
		if l.Value != "" {
			names = append(names, l.Name)
		}
	})
	slices.Sort(names)
	return names
}

func nameKey(names []string) string { return strings.Join(names, "\xff") }
