package remotewrite_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"

	"firedrill/replay"
	"firedrill/replay/endpoint"
	"firedrill/replay/remotewrite"
	"firedrill/replay/sinktest"
)

// receiver is a remote write server that keeps what it is sent, decoded by Prometheus's own types.
type receiver struct {
	v1, v2 http.HandlerFunc // nil stores everything

	mu   sync.Mutex
	got1 []prompb.WriteRequest
	got2 []writev2.Request
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	packed, _ := readBody(req)
	r.mu.Lock()
	defer r.mu.Unlock()
	switch ct := req.Header.Get("Content-Type"); ct {
	case "application/x-protobuf":
		var m prompb.WriteRequest
		if err := m.Unmarshal(packed); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		r.got1 = append(r.got1, m)
		if r.v1 != nil {
			r.v1(w, req)
		}
	case "application/x-protobuf;proto=io.prometheus.write.v2.Request":
		var m writev2.Request
		if err := m.Unmarshal(packed); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		r.got2 = append(r.got2, m)
		if r.v2 != nil {
			r.v2(w, req)
			return
		}
		n, h, x := sizes(m)
		setWritten(w, n, h, x)
	default:
		http.Error(w, "unknown content type "+ct, http.StatusUnsupportedMediaType)
	}
}

func sizes(m writev2.Request) (samples, histograms, exemplars int) {
	for _, ts := range m.Timeseries {
		samples += len(ts.Samples)
		histograms += len(ts.Histograms)
		exemplars += len(ts.Exemplars)
	}
	return
}

// last1 returns the latest 1.0 request; it must be asked for within the handler.
func (r *receiver) last1() prompb.WriteRequest { return r.got1[len(r.got1)-1] }

func serve(tb testing.TB, r *receiver, o remotewrite.Options) *remotewrite.Sink {
	tb.Helper()
	server := httptest.NewServer(r)
	tb.Cleanup(server.Close)
	o.Endpoint = endpoint.Config{URL: server.URL}
	s := newSink(tb, o)
	tb.Cleanup(func() { s.Close() })
	return s
}

// decoded are the items of a request, by series, and their metadata.
type decoded struct {
	items    map[string][]string
	metadata map[string]string
}

func decode2(t *testing.T, m writev2.Request) decoded {
	t.Helper()
	d := decoded{map[string][]string{}, map[string]string{}}
	b := labels.NewScratchBuilder(8)
	for _, ts := range m.Timeseries {
		ls, err := ts.ToLabels(&b, m.Symbols)
		if err != nil {
			t.Fatal(err)
		}
		meta, err := ts.ToMetadata(m.Symbols)
		if err != nil {
			t.Fatal(err)
		}
		d.metadata[ls.String()] = fmt.Sprintf("%s %q %q", meta.Type, meta.Help, meta.Unit)
		for _, s := range ts.Samples {
			d.add(ls, replay.Sample{T: s.Timestamp, V: s.Value})
		}
		for _, h := range ts.Histograms {
			it := replay.Sample{T: h.Timestamp}
			if h.IsFloatHistogram() {
				it.FH = h.ToFloatHistogram()
			} else {
				it.H = h.ToIntHistogram()
			}
			d.add(ls, it)
		}
		for _, x := range ts.Exemplars {
			e, err := x.ToExemplar(&b, m.Symbols)
			if err != nil {
				t.Fatal(err)
			}
			d.items[ls.String()] = append(d.items[ls.String()], fmt.Sprint("exemplar ", e.Labels, e.Value, e.Ts))
		}
	}
	return d
}

func decode1(m prompb.WriteRequest) decoded {
	d := decoded{map[string][]string{}, map[string]string{}}
	b := labels.NewScratchBuilder(8)
	for _, ts := range m.Timeseries {
		ls := ts.ToLabels(&b, nil)
		for _, s := range ts.Samples {
			d.add(ls, replay.Sample{T: s.Timestamp, V: s.Value})
		}
		for _, h := range ts.Histograms {
			it := replay.Sample{T: h.Timestamp}
			if h.IsFloatHistogram() {
				it.FH = h.ToFloatHistogram()
			} else {
				it.H = h.ToIntHistogram()
			}
			d.add(ls, it)
		}
		for _, x := range ts.Exemplars {
			e := x.ToExemplar(&b, nil)
			d.items[ls.String()] = append(d.items[ls.String()], fmt.Sprint("exemplar ", e.Labels, e.Value, e.Ts))
		}
	}
	for _, meta := range m.Metadata {
		d.metadata[meta.MetricFamilyName] += fmt.Sprintf("%s %q %q", meta.Type, meta.Help, meta.Unit)
	}
	return d
}

func (d decoded) add(ls labels.Labels, it replay.Sample) {
	it.Series = &replay.Series{Labels: ls}
	d.items[ls.String()] = append(d.items[ls.String()], sinktest.Text(it))
}

// encodeCases are samples of all shapes. The histogram series changes its kind back and forth, which
// must keep its order.
func encodeCases() []replay.Sample {
	items := sinktest.Samples(300, 21)
	mixed := &replay.Series{ID: 500, Labels: labels.FromStrings("__name__", "mixed"),
		Family: &replay.Family{Type: "summary", Unit: "seconds"}}
	custom := &histogram.Histogram{
		Schema: histogram.CustomBucketsSchema, Count: 5, Sum: 4, CustomValues: []float64{0.5, 1, 2},
		PositiveSpans: []histogram.Span{{Offset: 0, Length: 2}}, PositiveBuckets: []int64{2, 1},
	}
	gauge := &histogram.FloatHistogram{CounterResetHint: histogram.GaugeType, Count: 0, Sum: -1}
	for i := range 6 {
		it := replay.Sample{Series: mixed, T: int64(i - 1), V: float64(i)} // before, at and after the epoch
		switch i {
		case 1, 2:
			it.H = custom
		case 4:
			it.FH = gauge
		}
		items = append(items, it)
	}
	return items
}

func TestEncode(t *testing.T) {
	extra := []labels.Label{{Name: "firedrill_session", Value: "s1"}, {Name: "a", Value: "first"}}
	items := encodeCases()
	want := map[string][]string{}
	var exemplars []string
	meta2, meta1 := map[string]string{}, map[string]string{}
	for _, it := range items {
		ls := labels.NewBuilder(it.Series.Labels).Set("firedrill_session", "s1").Set("a", "first").Labels()
		exemplars = exemplars[:0]
		for _, x := range it.Exemplars {
			exemplars = append(exemplars, fmt.Sprint("exemplar ", x.Labels, x.V, x.T))
		}
		it.Exemplars = nil
		want[ls.String()] = append(want[ls.String()], sinktest.Text(it))
		want[ls.String()] = append(want[ls.String()], exemplars...)
		meta2[ls.String()] = `unknown "" ""`
		if f := it.Series.Family; f != nil {
			meta2[ls.String()] = fmt.Sprintf("%s %q %q", f.Type, f.Help, f.Unit)
			meta1[ls.Get("__name__")] = fmt.Sprintf("%s %q %q", strings.ToUpper(f.Type), f.Help, f.Unit)
		}
	}
	// The protocols keep samples and exemplars of a series apart: compare them apart.
	apart := func(m map[string][]string) map[string][]string {
		out := map[string][]string{}
		for k, texts := range m {
			for _, s := range texts {
				kind := " samples"
				if strings.HasPrefix(s, "exemplar") {
					kind = " exemplars"
				}
				out[k+kind] = append(out[k+kind], s)
			}
		}
		return out
	}
	t.Run("2.0", func(t *testing.T) {
		r := &receiver{}
		s := serve(t, r, remotewrite.Options{Labels: extra})
		if n, err := s.Push(t.Context(), items); n != len(items) || err != nil {
			t.Fatalf("Push = %d, %v", n, err)
		}
		d := decode2(t, r.got2[0])
		if diff := cmp.Diff(apart(want), apart(d.items)); diff != "" {
			t.Errorf("items (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(meta2, d.metadata); diff != "" {
			t.Errorf("metadata (-want +got):\n%s", diff)
		}
		if s.Protocol() != remotewrite.V2 {
			t.Errorf("protocol = %d, want 2.0", s.Protocol())
		}
		seen := map[string]bool{}
		for i, symbol := range r.got2[0].Symbols {
			if (symbol == "") != (i == 0) {
				t.Errorf("symbol %d is %q: the first, and no other, must be empty", i, symbol)
			}
			if seen[symbol] && !strings.Contains(symbol, "id") { // an exemplar's names are kept apart
				t.Errorf("symbol %q is there twice", symbol)
			}
			seen[symbol] = true
		}
	})
	t.Run("1.0", func(t *testing.T) {
		r := &receiver{}
		s := serve(t, r, remotewrite.Options{Labels: extra, Protocol: remotewrite.V1})
		for range 2 {
			if n, err := s.Push(t.Context(), items); n != len(items) || err != nil {
				t.Fatalf("Push = %d, %v", n, err)
			}
		}
		d := decode1(r.got1[0])
		if diff := cmp.Diff(apart(want), apart(d.items)); diff != "" {
			t.Errorf("items (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(meta1, d.metadata); diff != "" {
			t.Errorf("metadata (-want +got):\n%s", diff)
		}
		if n := len(r.got1[1].Metadata); n != 0 {
			t.Errorf("the second request repeats the metadata of %d families", n)
		}
	})
}

func TestFallBack(t *testing.T) {
	for name, v2 := range map[string]http.HandlerFunc{
		"415": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "what is this", http.StatusUnsupportedMediaType)
		},
		"400":               func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "cannot parse", http.StatusBadRequest) },
		"2xx without stats": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
	} {
		t.Run(name, func(t *testing.T) {
			r := &receiver{v2: v2}
			s := serve(t, r, remotewrite.Options{})
			items := sinktest.Samples(30, 1)
			for range 3 {
				if n, err := s.Push(t.Context(), items); n != len(items) || err != nil {
					t.Fatalf("Push = %d, %v", n, err)
				}
			}
			if len(r.got2) != 1 || len(r.got1) != 3 || s.Protocol() != remotewrite.V1 {
				t.Errorf("%d requests in 2.0 and %d in 1.0, protocol %d; want 1, 3 and 1.0 for good", len(r.got2), len(r.got1), s.Protocol())
			}
		})
	}
	t.Run("not after 2.0 was understood", func(t *testing.T) {
		r := &receiver{}
		s := serve(t, r, remotewrite.Options{})
		items := sinktest.Samples(30, 1)
		if _, err := s.Push(t.Context(), items); err != nil {
			t.Fatal(err)
		}
		r.v2 = func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusUnsupportedMediaType) }
		_, err := s.Push(t.Context(), items)
		var pe *replay.PushError
		if !errors.As(err, &pe) || pe.Refused != 30 || len(r.got1) != 0 {
			t.Errorf("Push = %v after %d requests in 1.0, want 30 refused, no fall-back", err, len(r.got1))
		}
	})
}

// TestHalving refuses requests that hold certain samples as a whole, as 1.0 receivers do.
func TestHalving(t *testing.T) {
	for _, bad := range [][]int{{0}, {199}, {17, 18}, {0, 50, 51, 100, 199}, seq(200)} {
		t.Run(fmt.Sprintf("bad=%d", len(bad)), func(t *testing.T) {
			items := sinktest.Samples(200, 3)
			isBad := map[int64]bool{}
			for i := range items {
				items[i].T = int64(i) + 1
			}
			for _, i := range bad {
				isBad[int64(i)+1] = true
			}
			stored := map[int64]bool{}
			r := &receiver{}
			r.v1 = func(w http.ResponseWriter, _ *http.Request) {
				var ts []int64
				for _, s := range r.last1().Timeseries {
					for _, p := range s.Samples {
						ts = append(ts, p.Timestamp)
					}
					for _, p := range s.Histograms {
						ts = append(ts, p.Timestamp)
					}
				}
				for _, at := range ts {
					if isBad[at] {
						http.Error(w, "out of order sample", http.StatusBadRequest)
						return
					}
				}
				for _, at := range ts {
					stored[at] = true
				}
			}
			s := serve(t, r, remotewrite.Options{Protocol: remotewrite.V1})
			refused := 0
			for rest := items; len(rest) > 0; {
				before := len(r.got1)
				n, err := s.Push(t.Context(), rest)
				var pe *replay.PushError
				if errors.As(err, &pe) {
					if pe.Retryable || pe.Words != "out of order sample" {
						t.Fatalf("Push = %+v", pe)
					}
					refused += pe.Refused
				} else if err != nil {
					t.Fatal(err)
				}
				if n < 1 || len(r.got1)-before > 70 {
					t.Fatalf("Push took %d samples in %d requests", n, len(r.got1)-before)
				}
				rest = rest[n:]
			}
			if refused != len(bad) || len(stored) != len(items)-len(bad) {
				t.Errorf("refused %d and stored %d, want %d and %d", refused, len(stored), len(bad), len(items)-len(bad))
			}
		})
	}
}

func seq(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
}

func TestRefusedInPart(t *testing.T) {
	items := sinktest.Samples(30, 1)
	exemplars := 0
	for _, it := range items {
		exemplars += len(it.Exemplars)
	}
	if exemplars == 0 {
		t.Fatal("the test needs exemplars")
	}
	for name, test := range map[string]struct {
		status    int
		written   [3]int
		refused   int // 0 wants a nil error
		exemplars int64
	}{
		"some samples":     {400, [3]int{20, 4, exemplars}, 6, 0},
		"exemplars only":   {400, [3]int{30, 0, 0}, 0, int64(exemplars)},
		"exemplars at 204": {204, [3]int{30, 0, exemplars - 1}, 0, 1},
		"samples at 204":   {204, [3]int{29, 0, exemplars}, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := &receiver{v2: func(w http.ResponseWriter, _ *http.Request) {
				setWritten(w, test.written[0], test.written[1], test.written[2])
				w.WriteHeader(test.status)
				if test.status == 400 {
					fmt.Fprint(w, "out of bounds")
				}
			}}
			var logged bytes.Buffer
			s := serve(t, r, remotewrite.Options{Log: slog.New(slog.NewTextHandler(&logged, nil))})
			n, err := s.Push(t.Context(), items)
			var pe *replay.PushError
			if errors.As(err, &pe); n != len(items) || (pe == nil) != (test.refused == 0) || pe != nil && pe.Refused != test.refused {
				t.Errorf("Push = %d, %+v, want %d refused", n, err, test.refused)
			}
			if got := s.ExemplarsRefused(); got != test.exemplars || (got > 0) != strings.Contains(logged.String(), "refused exemplars") {
				t.Errorf("%d exemplars refused, want %d; logged:\n%s", got, test.exemplars, &logged)
			}
		})
	}
}

// TestNeverSent has series that a 1.0 receiver would drop without a word.
func TestNeverSent(t *testing.T) {
	good := &replay.Series{ID: 0, Labels: labels.FromStrings("__name__", "up")}
	for name, test := range map[string]struct {
		labels labels.Labels
		words  string
	}{
		"no name":     {labels.FromStrings("job", "x"), "has no metric name"},
		"bad UTF-8":   {labels.FromStrings("__name__", "up", "job", "\xff"), "invalid name, label name or label value"},
		"our label":   {labels.FromStrings("__name__", "up", "firedrill_session", "x"), "has label firedrill_session, which is added"},
		"label twice": {labels.New(labels.Label{Name: "__name__", Value: "up"}, labels.Label{Name: "a", Value: "1"}, labels.Label{Name: "a", Value: "2"}), "has label a twice"},
	} {
		t.Run(name, func(t *testing.T) {
			r := &receiver{}
			s := serve(t, r, remotewrite.Options{Labels: []labels.Label{{Name: "firedrill_session", Value: "s"}}})
			bad := &replay.Series{ID: 1, Labels: test.labels}
			n, err := s.Push(t.Context(), []replay.Sample{{Series: bad, T: 1}, {Series: good, T: 1}, {Series: bad, T: 2}})
			var pe *replay.PushError
			if !errors.As(err, &pe) || n != 3 || pe.Refused != 2 || pe.Retryable || !strings.Contains(pe.Words, test.words) {
				t.Errorf("Push = %d, %v, want 3 and a refusal of 2 that says %q", n, err, test.words)
			}
			if got, _, _ := sizes(r.got2[0]); got != 1 {
				t.Errorf("%d samples were sent, want 1", got)
			}
			n, err = s.Push(t.Context(), []replay.Sample{{Series: bad, T: 3}})
			if !errors.As(err, &pe) || n != 1 || pe.Refused != 1 || len(r.got2) != 1 {
				t.Errorf("Push of that alone = %d, %v in %d requests, want a refusal of 1 without a request", n, err, len(r.got2)-1)
			}
		})
	}
}

func TestTooLarge(t *testing.T) {
	r := &receiver{}
	r.v2 = func(w http.ResponseWriter, _ *http.Request) {
		n, h, x := sizes(r.got2[len(r.got2)-1])
		if n+h > 10 {
			http.Error(w, "too large", http.StatusRequestEntityTooLarge)
			return
		}
		setWritten(w, n, h, x)
	}
	s := serve(t, r, remotewrite.Options{})
	items := sinktest.Samples(100, 1)
	pushes := 0
	for rest := items; len(rest) > 0; pushes++ {
		n, err := s.Push(context.Background(), rest)
		if err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
	}
	if want := 100/7 + 1; pushes != want { // 100, 50, 25, 13, 7
		t.Errorf("%d pushes, want %d", pushes, want)
	}
	if got, want := len(r.got2), pushes+4; got != want {
		t.Errorf("%d requests, want %d: the size that is accepted is kept", got, want)
	}
}

// TestSameID has two Sources, whose series have the same IDs.
func TestSameID(t *testing.T) {
	r := &receiver{}
	s := serve(t, r, remotewrite.Options{})
	a := &replay.Series{ID: 0, Labels: labels.FromStrings("__name__", "a")}
	b := &replay.Series{ID: 0, Labels: labels.FromStrings("__name__", "b", "empty", "")}
	far := &replay.Series{ID: 1 << 31, Labels: labels.FromStrings("__name__", "far")}
	if _, err := s.Push(t.Context(), []replay.Sample{{Series: a, T: 1, V: 1}, {Series: b, T: 1, V: 2}, {Series: far, T: 1, V: 3}, {Series: a, T: 2, V: 4}}); err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{
		`{__name__="a"}`: {"1 3ff0000000000000", "2 4010000000000000"}, `{__name__="b"}`: {"1 4000000000000000"}, `{__name__="far"}`: {"1 4008000000000000"},
	}
	if d := cmp.Diff(want, decode2(t, r.got2[0]).items); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestOptions(t *testing.T) {
	ok := endpoint.Config{URL: "http://127.0.0.1:1"}
	for want, o := range map[string]remotewrite.Options{
		"url is empty":                    {},
		"cannot be added":                 {Endpoint: ok, Labels: []labels.Label{{Name: "__name__", Value: "x"}}},
		`"s"="" cannot be added`:          {Endpoint: ok, Labels: []labels.Label{{Name: "s"}}},
		"out of range":                    {Endpoint: ok, MaxSamples: -1},
		"write url: endpoint: url":        {Endpoint: ok, WriteURL: "ftp://x"},
		"must both be http or both https": {Endpoint: ok, WriteURL: "https://x"},
	} {
		if _, err := remotewrite.New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New(%v) = %v, want an error with %q", o, err, want)
		}
	}
}

func TestWriteURL(t *testing.T) {
	var path string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path = r.URL.Path
		setWritten(w, 1, 0, 0)
	}))
	defer server.Close()
	series := &replay.Series{Labels: labels.FromStrings("__name__", "a")}
	for _, test := range []struct{ url, write, want string }{
		{server.URL + "/prom/", "", "/prom/api/v1/write"},
		{server.URL + "/prometheus", server.URL + "/api/v1/push", "/api/v1/push"},
	} {
		s := newSink(t, remotewrite.Options{Endpoint: endpoint.Config{URL: test.url}, WriteURL: test.write})
		defer s.Close()
		if _, err := s.Push(t.Context(), []replay.Sample{{Series: series, T: 1}}); err != nil || path != test.want {
			t.Errorf("Push to %s and %q = %v, path %s, want %s", test.url, test.write, err, path, test.want)
		}
	}
}
