package lokipush_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"

	"firedrill/replay"
	"firedrill/replay/endpoint"
	"firedrill/replay/lokipush"
	"firedrill/replay/sinktest"
)

// lokiSink returns a sink into the real Loki for a new tenant.
func lokiSink(tb testing.TB) (*lokipush.Sink, string) {
	tb.Helper()
	tenant := sinktest.NewSession()
	s := mustNew(tb, lokipush.Options{Endpoint: loki(tb), Tenant: tenant})
	tb.Cleanup(func() { s.Close() })
	return s, tenant
}

// TestCountsEachNanosecondOnce checks the bounds of Loki's own ranges: (t-range, t] in whole nanoseconds,
// however a count is sliced.
func TestCountsEachNanosecondOnce(t *testing.T) {
	// Three windows of an hour, with lines at and around their borders, also those of whole hours and of a day.
	t.Run("lately", func(t *testing.T) { countEach(t, time.Now().Add(-4*time.Hour).Truncate(time.Hour)) })
	t.Run("at midnight", func(t *testing.T) { countEach(t, time.Now().UTC().Truncate(24*time.Hour).Add(-25*time.Hour)) })
}

func countEach(t *testing.T, start time.Time) {
	s, _ := lokiSink(t)
	stream := &replay.Stream{Labels: labels.FromStrings("app", "a")}
	var records []replay.Record
	for _, at := range []time.Duration{-1, 0, 1, time.Second, time.Hour - 1, time.Hour, time.Hour + 1, 2*time.Hour - 1, 2 * time.Hour, 3 * time.Hour} {
		records = append(records, replay.Record{Stream: stream, T: start.Add(at).UnixNano(), Line: fmt.Append(nil, at)})
	}
	pushAll(t, s, records)
	for _, from := range records {
		for _, to := range records {
			if from.T > to.T {
				continue
			}
			want := int64(0)
			for _, r := range records {
				if from.T <= r.T && r.T < to.T {
					want++
				}
			}
			got, err := s.Stored(t.Context(), time.Unix(0, from.T), time.Unix(0, to.T))
			if err != nil || got.Items != want {
				t.Errorf("from %s to %s: %d lines, %v, want %d", from.Line, to.Line, got.Items, err, want)
			}
		}
	}
}

// TestReadBackOddLines reads back what JSON, LogQL and Loki's own labels have trouble with.
func TestReadBackOddLines(t *testing.T) {
	s, _ := lokiSink(t)
	now := time.Now().Add(-time.Minute).UnixNano()
	a := &replay.Stream{ID: 0, Labels: labels.FromStrings("app", "a|b", "path", `\d+ "x"`)} // gets service_name
	b := &replay.Stream{ID: 1, Labels: labels.FromStrings("app", "a")}
	c := &replay.Stream{ID: 2, Labels: labels.FromStrings("service_name", "c", "app", "a")}
	d := &replay.Stream{ID: 3, Labels: labels.FromStrings("zone", "z")}
	e := &replay.Stream{ID: 5} // has no labels until Loki adds service_name
	var records []replay.Record
	for i, line := range []string{"", " ", "level=error x", "bad \xff\xfe utf-8 \xc3", "<html> & 'x' \u2028", "nul \x00 \x1b[31m", "new\nline\r\n", "\ufffd", strings.Repeat("é", 50000)} {
		for _, stream := range []*replay.Stream{a, b, c, d, e} {
			records = append(records, replay.Record{Stream: stream, T: now + int64(i/3), Line: []byte(line)})
		}
	}
	pushAll(t, s, records)
	if missing, err := s.Missing(t.Context(), slices.Clone(records)); err != nil || len(missing) != 0 {
		t.Errorf("Missing = %q, %v, want none", recordTexts(missing), err)
	}
	absent := []replay.Record{
		{Stream: a, T: now, Line: []byte("other")},
		{Stream: a, T: now + 9, Line: []byte(" ")},
		{Stream: d, T: now + 1, Line: []byte("bad")},
		{Stream: &replay.Stream{ID: 4, Labels: labels.FromStrings("app", "a", "path", "p")}, T: now, Line: []byte(" ")},
	}
	missing, err := s.Missing(t.Context(), append(slices.Clone(records), absent...))
	if diff := cmp.Diff(recordTexts(absent), recordTexts(missing)); err != nil || diff != "" {
		t.Errorf("Missing: %v (-want +got):\n%s", err, diff)
	}
	got, err := s.Stored(t.Context(), time.Unix(0, now), time.Unix(0, now+10))
	if err != nil || got.Items != int64(len(records)) {
		t.Errorf("Stored = %+v, %v, want %d items", got, err, len(records))
	}
}

// TestRefusals pushes what the real Loki refuses.
func TestRefusals(t *testing.T) {
	stream := func(id uint32, ls ...string) *replay.Stream {
		return &replay.Stream{ID: id, Labels: labels.FromStrings(ls...)}
	}
	good, other := stream(0, "app", "a"), stream(1, "app", "b")
	now := time.Now().Add(-time.Minute).UnixNano()
	const day = int64(24 * time.Hour)
	old, ahead, tall := now-30*day, now+day, strings.Repeat("x", 9<<20)
	for _, tt := range []struct {
		name    string
		records []replay.Record
		refused int
		words   string
	}{
		{"too old", []replay.Record{{Stream: good, T: now}, {Stream: good, T: old}, {Stream: other, T: old}, {Stream: other, T: now}}, 2, "has timestamp too old"},
		{"too new", []replay.Record{{Stream: good, T: now}, {Stream: good, T: ahead}, {Stream: good, T: ahead}, {Stream: good, T: ahead}}, 3, "has timestamp too new"},
		{"too long", []replay.Record{{Stream: good, T: now}, {Stream: good, T: now + 1, Line: []byte(tall)}}, 1, "max entry size"},
		{"label value too long", []replay.Record{{Stream: stream(3, "app", strings.Repeat("v", 17000)), T: now}, {Stream: good, T: now}, {Stream: good, T: old}}, 2, " errors like: "}, // in any order; a value of 17 KB is cut off
	} {
		s := mustNew(t, lokipush.Options{Endpoint: loki(t), Tenant: sinktest.NewSession(), MaxBytes: 64 << 20})
		n, err := s.Push(t.Context(), tt.records)
		var pe *replay.PushError
		if n != len(tt.records) || !errors.As(err, &pe) {
			t.Errorf("%s: Push = %d, %v, want a refusal", tt.name, n, err)
			continue
		}
		if pe.Refused != tt.refused || pe.Retryable || pe.Status != "400 Bad Request" || !strings.Contains(pe.Words, tt.words) || len(pe.Words) > replay.MaxWords {
			t.Errorf("%s: %d refused: %+v, want %d with %q", tt.name, pe.Refused, pe, tt.refused, tt.words)
		}
		got, err := s.Stored(t.Context(), time.Unix(0, now-day), time.Unix(0, now+day))
		if want := int64(len(tt.records) - tt.refused); err != nil || got.Items != want {
			t.Errorf("%s: %d stored, %v, want %d", tt.name, got.Items, err, want)
		}
		s.Close()
	}
}

// TestNoTenant pushes without the header to a Loki that demands it.
func TestNoTenant(t *testing.T) {
	s := mustNew(t, lokipush.Options{Endpoint: loki(t)})
	defer s.Close()
	_, err := s.Push(t.Context(), sinktest.Records(3, 1))
	var pe *replay.PushError
	if !errors.As(err, &pe) || pe.Status != "401 Unauthorized" || pe.Refused != 3 || pe.Words != "no org id" {
		t.Errorf("Push = %v, want a refusal of all 3: 401 no org id", err)
	}
	_, err = s.Missing(t.Context(), sinktest.Records(3, 1))
	if err == nil || err.Error() != "read lines back: server answered 401 Unauthorized: no org id" {
		t.Errorf("Missing = %v, want 401", err)
	}
	_, err = s.Stored(t.Context(), time.Now().Add(-time.Hour), time.Now())
	if err == nil || err.Error() != "count lines: server answered 401 Unauthorized: no org id" {
		t.Errorf("Stored = %v, want 401", err)
	}
}

// TestBlockedIngestion: a status of 2xx that is no success.
func TestBlockedIngestion(t *testing.T) {
	at := sinktest.HTTP(t, &sinktest.Script{Accept: func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(260)
		_, _ = w.Write([]byte("ingestion blocked for user t until tomorrow with status code '260'"))
	}}, false)
	s := mustNew(t, lokipush.Options{Endpoint: endpoint.Config{URL: at.URL}})
	defer s.Close()
	_, err := s.Push(t.Context(), sinktest.Records(3, 1))
	var pe *replay.PushError
	if !errors.As(err, &pe) || pe.Refused != 3 || pe.Retryable || pe.Status != "260" {
		t.Errorf("Push = %+v, want a final refusal of all 3", pe)
	}
}
