package recording

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/prometheus/prometheus/model/labels"

	"firedrill/replay"
)

// seriesExemplar is an exemplar and the series it belongs to.
type seriesExemplar struct {
	series labels.Labels
	replay.Exemplar
}

// exemplarReader reads the exemplars file in order of time.
type exemplarReader struct {
	file    *lineFile
	pending []seriesExemplar // of the current line
	last    int64            // ms
	done    bool
}

func openExemplars(dir string) (*exemplarReader, error) {
	f, err := openLines(filepath.Join(dir, filepath.FromSlash(exemplarsName)))
	if err != nil {
		return nil, err
	}
	return &exemplarReader{file: f}, nil
}

// peek returns the next exemplar without passing it; io.EOF after the last.
func (r *exemplarReader) peek() (*seriesExemplar, error) {
	for len(r.pending) == 0 {
		if r.done {
			return nil, io.EOF
		}
		b, err := r.file.next()
		if err == io.EOF {
			r.done = true
			continue
		}
		if err != nil {
			return nil, err
		}
		if r.pending, err = parseExemplars(b); err != nil {
			return nil, r.place(err)
		}
		for _, e := range r.pending {
			if e.T < r.last {
				return nil, r.place(fmt.Errorf("time %s is before that of the exemplar above", millis(e.T)))
			}
			r.last = e.T
		}
	}
	return &r.pending[0], nil
}

func (r *exemplarReader) pass() { r.pending = r.pending[1:] }

func (r *exemplarReader) place(err error) error {
	return in(r.file.name, lineNo(r.file.line), err)
}

func (r *exemplarReader) close() error { return r.file.close() }

// parseExemplars reads one item of Prometheus's /api/v1/query_exemplars.
func parseExemplars(b []byte) ([]seriesExemplar, error) {
	var item struct {
		SeriesLabels map[string]string `json:"seriesLabels"`
		Exemplars    []struct {
			Labels    map[string]string `json:"labels"`
			Value     string            `json:"value"`
			Timestamp json.Number       `json:"timestamp"`
		} `json:"exemplars"`
	}
	if err := json.Unmarshal(b, &item); err != nil {
		return nil, err
	}
	series := labels.FromMap(item.SeriesLabels)
	if err := checkSeries(series); err != nil {
		return nil, err
	}
	if len(item.Exemplars) == 0 {
		return nil, errors.New("no exemplars")
	}
	var es []seriesExemplar
	for _, e := range item.Exemplars {
		v, err := strconv.ParseFloat(e.Value, 64)
		if err != nil {
			return nil, fmt.Errorf("exemplar value %q is not a number", e.Value)
		}
		t, err := parseSeconds(string(e.Timestamp))
		if err != nil {
			return nil, err
		}
		l := labels.FromMap(e.Labels)
		if err := checkMetricLabels(l); err != nil {
			return nil, err
		}
		es = append(es, seriesExemplar{series, replay.Exemplar{Labels: l, V: v, T: t}})
	}
	return es, nil
}

// parseSeconds reads seconds with up to three decimals as ms, exactly; other forms are rounded.
func parseSeconds(s string) (int64, error) {
	whole, frac, _ := strings.Cut(s, ".")
	if len(frac) <= 3 {
		ms, err := strconv.ParseUint(whole+frac+"000"[len(frac):], 10, 63)
		if err == nil && ms <= maxSampleTime {
			return int64(ms), nil
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !(f >= 0) || f > maxSampleTime/1000 {
		return 0, fmt.Errorf("timestamp %q is not a time after 1970 in seconds", s)
	}
	return int64(math.Round(f * 1000)), nil
}
