package remotewrite_test

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"

	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"firedrill/replay"
	"firedrill/replay/endpoint"
	"firedrill/replay/remotewrite"
	"firedrill/replay/sinktest"
)

const sessionLabel = "firedrill_session"

func TestSuite(t *testing.T) {
	for _, protocol := range []remotewrite.Protocol{remotewrite.Negotiate, remotewrite.V1} {
		t.Run("protocol="+strconv.Itoa(int(protocol)), func(t *testing.T) {
			sinktest.Suite[replay.Sample]{
				New: func(tb testing.TB, o sinktest.Options) replay.Sink[replay.Sample] {
					return newSink(tb, remotewrite.Options{
						Endpoint: o.Endpoint, Labels: []labels.Label{{Name: sessionLabel, Value: o.Session}},
						MaxSamples: o.MaxItems, MaxBytes: o.MaxBytes, Protocol: protocol,
					})
				},
				Make:   sinktest.Samples,
				Server: prometheus,
				Load:   load,
				Spoil:  spoil,
				Accept: accept,
			}.Run(t)
		})
	}
}

func newSink(tb testing.TB, o remotewrite.Options) *remotewrite.Sink {
	tb.Helper()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s, err := remotewrite.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// spoil makes a sample that Prometheus refuses: it is too far in the future (maxAheadTime).
func spoil(s replay.Sample) replay.Sample {
	s.T = time.Now().Add(time.Hour).UnixMilli()
	s.Exemplars = nil
	return s
}

// accept answers as a receiver of the request's version does that stores everything.
func accept(w http.ResponseWriter, r *http.Request) {
	body, err := readBody(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if r.Header.Get("Content-Type") == "application/x-protobuf" {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	var req writev2.Request
	if err := req.Unmarshal(body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var samples, histograms, exemplars int
	for _, ts := range req.Timeseries {
		samples += len(ts.Samples)
		histograms += len(ts.Histograms)
		exemplars += len(ts.Exemplars)
	}
	setWritten(w, samples, histograms, exemplars)
	w.WriteHeader(http.StatusNoContent)
}

func setWritten(w http.ResponseWriter, samples, histograms, exemplars int) {
	w.Header().Set("X-Prometheus-Remote-Write-Samples-Written", strconv.Itoa(samples))
	w.Header().Set("X-Prometheus-Remote-Write-Histograms-Written", strconv.Itoa(histograms))
	w.Header().Set("X-Prometheus-Remote-Write-Exemplars-Written", strconv.Itoa(exemplars))
}

func readBody(r *http.Request) ([]byte, error) {
	packed, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	return snappy.Decode(nil, packed)
}

// load reads a session by a remote read of its own. It is streamed, since the other kind loses the
// sign of -0.
func load(tb testing.TB, at endpoint.Config, session string, pushed []replay.Sample) []replay.Sample {
	tb.Helper()
	from, to := pushed[0].T, pushed[0].T
	for _, it := range pushed {
		from, to = min(from, it.T), max(to, it.T)
	}
	req := prompb.ReadRequest{
		Queries: []*prompb.Query{{
			StartTimestampMs: from, EndTimestampMs: to,
			Matchers: []*prompb.LabelMatcher{{Name: sessionLabel, Value: session}},
		}},
		AcceptedResponseTypes: []prompb.ReadRequest_ResponseType{prompb.ReadRequest_STREAMED_XOR_CHUNKS},
	}
	body, err := req.Marshal()
	if err != nil {
		tb.Fatal(err)
	}
	resp, err := http.Post(at.URL+"/api/v1/read", "application/x-protobuf", bytes.NewReader(snappy.Encode(nil, body)))
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close()
	exemplars := loadExemplars(tb, at, session)
	var got []replay.Sample
	b := labels.NewScratchBuilder(8)
	for r := bufio.NewReader(resp.Body); ; {
		length, err := binary.ReadUvarint(r)
		if err == io.EOF {
			return got
		}
		frame := make([]byte, 4+length) // 4 for the checksum
		if _, err := io.ReadFull(r, frame); err != nil {
			tb.Fatal(err)
		}
		var answer prompb.ChunkedReadResponse
		if err := answer.Unmarshal(frame[4:]); err != nil {
			tb.Fatal(err)
		}
		for _, cs := range answer.ChunkedSeries {
			all := prompb.TimeSeries{Labels: cs.Labels}.ToLabels(&b, nil)
			series := &replay.Series{Labels: labels.NewBuilder(all).Del(sessionLabel).Labels()}
			items := chunkSamples(tb, series, cs.Chunks)
			for _, x := range exemplars[all.String()] {
				i, _ := slices.BinarySearchFunc(items, x.T, func(it replay.Sample, t int64) int { return cmp.Compare(it.T, t) })
				if i == len(items) {
					tb.Fatalf("exemplar %v of %s is later than its last sample", x, all)
				}
				items[i].Exemplars = append(items[i].Exemplars, x)
			}
			got = append(got, items...)
		}
	}
}

func chunkSamples(tb testing.TB, series *replay.Series, chunks []prompb.Chunk) []replay.Sample {
	tb.Helper()
	var items []replay.Sample
	for _, c := range chunks {
		chunk, err := chunkenc.FromData(chunkenc.Encoding(c.Type), c.Data)
		if err != nil {
			tb.Fatal(err)
		}
		it := chunk.Iterator(nil)
		for kind := it.Next(); kind != chunkenc.ValNone; kind = it.Next() {
			s := replay.Sample{Series: series}
			switch kind {
			case chunkenc.ValFloat:
				s.T, s.V = it.At()
			case chunkenc.ValHistogram:
				s.T, s.H = it.AtHistogram(nil)
			default:
				s.T, s.FH = it.AtFloatHistogram(nil)
			}
			items = append(items, s)
		}
		if err := it.Err(); err != nil {
			tb.Fatal(err)
		}
	}
	return items
}

// loadExemplars reads a session's exemplars by the labels of their series.
func loadExemplars(tb testing.TB, at endpoint.Config, session string) map[string][]replay.Exemplar {
	tb.Helper()
	resp, err := http.PostForm(at.URL+"/api/v1/query_exemplars", url.Values{"query": {`{` + sessionLabel + `="` + session + `"}`}})
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		Data []struct {
			SeriesLabels map[string]string
			Exemplars    []struct {
				Labels    map[string]string
				Value     string
				Timestamp float64
			}
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		tb.Fatal(err)
	}
	got := make(map[string][]replay.Exemplar)
	for _, s := range answer.Data {
		key := labels.FromMap(s.SeriesLabels).String()
		for _, x := range s.Exemplars {
			v, err := strconv.ParseFloat(x.Value, 64)
			if err != nil {
				tb.Fatal(err)
			}
			got[key] = append(got[key], replay.Exemplar{Labels: labels.FromMap(x.Labels), V: v, T: int64(math.Round(x.Timestamp * 1000))})
		}
	}
	return got
}
