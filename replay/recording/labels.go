package recording

import (
	"errors"
	"fmt"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
)

// SessionLabel is the label that isolates sessions in the back end; no metric may bring it along.
const SessionLabel = "firedrill_session"

// maxLabels limits the encoded size of one label set, in bytes.
const maxLabels = 1 << 20

// table finds a value by label set.
type table[T any] struct {
	m map[uint64][]tableEntry[T]
}

type tableEntry[T any] struct {
	labels labels.Labels
	value  T
}

// get returns the value of l, making it with make from a copy of l when it is new.
func (t *table[T]) get(l labels.Labels, make func(labels.Labels) (T, error)) (T, error) {
	h := l.Hash()
	for _, e := range t.m[h] {
		if labels.Equal(e.labels, l) {
			return e.value, nil
		}
	}
	l = l.Copy()
	v, err := make(l)
	if err != nil {
		return v, err
	}
	if t.m == nil {
		t.m = map[uint64][]tableEntry[T]{}
	}
	t.m[h] = append(t.m[h], tableEntry[T]{l, v})
	return v, nil
}

// checkSeries reports whether l can identify a metric series.
func checkSeries(l labels.Labels) error {
	if !model.UTF8Validation.IsValidMetricName(l.Get(model.MetricNameLabel)) {
		return fmt.Errorf("series %s has no valid metric name", l)
	}
	if err := checkMetricLabels(l); err != nil {
		return fmt.Errorf("series %s: %w", l, err)
	}
	return nil
}

// checkMetricLabels reports whether l may stand in metrics: in a series or an exemplar.
func checkMetricLabels(l labels.Labels) error {
	if l.Has(SessionLabel) {
		return fmt.Errorf("label %s is reserved for sessions: drop it from the source", SessionLabel)
	}
	return checkLabels(l, model.UTF8Validation.IsValidLabelName)
}

// checkStream reports whether l can identify a log stream. Loki takes only names of the old form.
func checkStream(l labels.Labels) error {
	if l.IsEmpty() {
		return errors.New("log stream without labels")
	}
	if err := checkLabels(l, model.LegacyValidation.IsValidLabelName); err != nil {
		return fmt.Errorf("log stream %s: %w", l, err)
	}
	return nil
}

func checkLabels(l labels.Labels, validName func(string) bool) error {
	prev, size, first := "", 0, true
	err := l.Validate(func(l labels.Label) error {
		size += len(l.Name) + len(l.Value)
		switch {
		case !validName(l.Name):
			return fmt.Errorf("invalid label name %q", l.Name)
		case !first && l.Name == prev:
			return fmt.Errorf("label %q twice", l.Name)
		case !first && l.Name < prev:
			return fmt.Errorf("label %q after %q, want them sorted", l.Name, prev)
		case l.Value == "":
			return fmt.Errorf("label %q is empty", l.Name)
		case !model.LabelValue(l.Value).IsValid():
			return fmt.Errorf("value of label %q is not UTF-8", l.Name)
		}
		prev, first = l.Name, false
		return nil
	})
	if err == nil && size > maxLabels {
		err = fmt.Errorf("labels of %d bytes, more than %d", size, maxLabels)
	}
	return err
}
