package remotewrite_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"

	"firedrill/replay"
	"firedrill/replay/endpoint"
	"firedrill/replay/remotewrite"
	"firedrill/replay/sinktest"
)

// TestMissingWide asks for samples of many metrics over days, in any order, beside series that differ
// in one label only.
func TestMissingWide(t *testing.T) {
	at := prometheus(t)
	s := newSink(t, remotewrite.Options{Endpoint: at, Labels: []labels.Label{{Name: sessionLabel, Value: sinktest.NewSession()}}})
	defer s.Close()
	rng := rand.New(rand.NewPCG(1, 2))
	start := time.Now().Add(-50 * time.Hour).UnixMilli()
	var items []replay.Sample
	for i := range 150 { // more names than fit into a matcher
		for j, ls := range []labels.Labels{
			labels.FromStrings("__name__", fmt.Sprintf("wide_%d.total", i), "a", "1"),
			labels.FromStrings("__name__", fmt.Sprintf("wide_%d.total", i), "a", "1", "b", "2"),
		} {
			series := &replay.Series{ID: uint32(2*i + j), Labels: ls}
			for k := range 20 {
				items = append(items, replay.Sample{Series: series, T: start + int64(k)*(150*60*1000), V: 1})
			}
		}
	}
	var pushed, absent []replay.Sample
	for _, it := range items {
		if rng.IntN(2) == 0 {
			pushed = append(pushed, it)
		} else {
			absent = append(absent, it)
		}
	}
	for rest := pushed; len(rest) > 0; {
		n, err := s.Push(t.Context(), rest)
		if err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
	}
	text := func(items []replay.Sample) []string {
		out := make([]string, len(items))
		for i, it := range items {
			out[i] = sinktest.Key(it) + sinktest.Text(it)
		}
		return out
	}
	for _, few := range []bool{false, true} {
		ask, want := items, absent
		if few { // one series: an exact matcher of its name, which holds a dot
			ask, want = items[:20], nil
			for _, it := range absent {
				if it.Series == items[0].Series {
					want = append(want, it)
				}
			}
		}
		got, err := s.Missing(t.Context(), append([]replay.Sample(nil), ask...))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(text(want), text(got)); d != "" {
			t.Errorf("missing (-want +got):\n%s", d)
		}
	}
	got, err := s.Stored(t.Context(), time.UnixMilli(start), time.Now())
	if want := (replay.Stored{Items: int64(len(pushed))}); err != nil || got != want {
		t.Errorf("Stored = %+v, %v, want %+v", got, err, want)
	}
}

// TestStoredOutOfOrder counts each time of a series once, however it got in.
func TestStoredOutOfOrder(t *testing.T) {
	at := prometheus(t)
	s := newSink(t, remotewrite.Options{Endpoint: at, Labels: []labels.Label{{Name: sessionLabel, Value: sinktest.NewSession()}}})
	defer s.Close()
	series := &replay.Series{Labels: labels.FromStrings("__name__", "shuffled")}
	start := time.Now().Add(-time.Hour).UnixMilli()
	for _, i := range rand.New(rand.NewPCG(3, 4)).Perm(300) {
		it := []replay.Sample{{Series: series, T: start + int64(i)*1000, V: float64(i)}}
		for range 1 + i%2 { // half of them twice
			if _, err := s.Push(t.Context(), it); err != nil {
				t.Fatal(err)
			}
		}
	}
	got, err := s.Stored(t.Context(), time.UnixMilli(start), time.UnixMilli(start+300_000))
	if want := (replay.Stored{Items: 300}); err != nil || got != want {
		t.Errorf("Stored = %+v, %v, want %+v", got, err, want)
	}
	if got, err := s.Stored(t.Context(), time.UnixMilli(start+10_000), time.UnixMilli(start+10_000)); err != nil || got.Items != 0 {
		t.Errorf("Stored of an empty range = %+v, %v", got, err)
	}
}

func TestReadErrors(t *testing.T) {
	item := []replay.Sample{{Series: &replay.Series{Labels: labels.FromStrings("__name__", "a")}, T: 1}}
	for want, handler := range map[string]http.HandlerFunc{
		"remote read: server answered 503 Service Unavailable: starting up": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "starting up", http.StatusServiceUnavailable)
		},
		`the server answered "application/x-protobuf", but streamed remote read`: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/x-protobuf")
		},
		"remote read frame at byte 0: unexpected EOF": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse")
			_, _ = w.Write([]byte{5, 0, 0})
		},
	} {
		server := httptest.NewServer(handler)
		s := newSink(t, remotewrite.Options{Endpoint: endpoint.Config{URL: server.URL}})
		if _, err := s.Missing(t.Context(), item); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Missing = %v, want %s", err, want)
		}
		if _, err := s.Stored(t.Context(), time.UnixMilli(1), time.UnixMilli(2)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Stored = %v, want %s", err, want)
		}
		s.Close()
		server.Close()
	}
}

// TestExemplarsCutOff has an answer of query_exemplars that ends too early.
func TestExemplarsCutOff(t *testing.T) {
	whole := `{"status":"success","data":[{"seriesLabels":{"a":"b"},"exemplars":[{"labels":{}},{"labels":{}}]},{"exemplars":[{"x":1}]}],"infos":["x"]}`
	for body, want := range map[string]int64{whole: 3, `{"status":"success","data":[]}`: 0, `{"data":null}`: -1, whole[:60]: -1, whole[:len(whole)-1]: -1, "": -1, "[]": -1} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/read") {
				w.Header().Set("Content-Type", "application/x-streamed-protobuf")
				return
			}
			fmt.Fprint(w, body)
		}))
		s := newSink(t, remotewrite.Options{Endpoint: endpoint.Config{URL: server.URL}})
		got, err := s.Stored(t.Context(), time.UnixMilli(1), time.UnixMilli(2))
		if (err != nil) != (want < 0) || err == nil && got.Exemplars != want {
			t.Errorf("%s: %+v, %v, want %d", body, got, err, want)
		}
		s.Close()
		server.Close()
	}
}
