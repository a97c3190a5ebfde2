package lokipush_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"

	"firedrill/replay"
	"firedrill/replay/lokipush"
)

// randomRecords returns records of streams with different label names, many of equal times and some
// of equal text.
func randomRecords(rng *rand.Rand, n int) []replay.Record {
	names := []string{"app", "pod", "zone", "job.name"}
	var streams []*replay.Stream
	for i := range 1 + rng.IntN(12) {
		b := labels.NewScratchBuilder(4)
		b.Add("app", fmt.Sprintf("a.%d", rng.IntN(3)))
		for _, name := range names[1:] {
			if rng.IntN(2) == 0 {
				b.Add(name, fmt.Sprintf(`"v|%d\`, rng.IntN(2)))
			}
		}
		b.Sort()
		ls := labels.NewBuilder(b.Labels())
		if rng.IntN(4) == 0 {
			ls.Del("app").Set("zone", "z")
		}
		streams = append(streams, &replay.Stream{ID: uint32(i), Labels: ls.Labels()})
	}
	var (
		records []replay.Record
		t       = int64(1700000000e9)
		spacing = rng.Int64N(3) * rng.Int64N(1e12)
	)
	for i := range n {
		if rng.IntN(10) == 0 {
			t += spacing
		}
		records = append(records, replay.Record{
			Stream: streams[rng.IntN(len(streams))], T: t,
			Line: fmt.Appendf(nil, "line %d %s", i*rng.IntN(2), strings.Repeat("x", rng.IntN(40))),
		})
	}
	return records
}

func pushAll(tb testing.TB, s *lokipush.Sink, records []replay.Record) {
	tb.Helper()
	for len(records) > 0 {
		n, err := s.Push(context.Background(), records)
		if err != nil {
			tb.Fatalf("Push of %d = %d, %v", len(records), n, err)
		}
		records = records[n:]
	}
}

func recordTexts(records []replay.Record) []string {
	texts := []string{}
	for _, r := range records {
		texts = append(texts, fmt.Sprintf("%s %d %s", r.Stream.Labels, r.T, r.Line))
	}
	return texts
}

// TestReadBackAcrossPages pushes a part of random records and asks for all of them, with pages so
// small that instants do not fit. (Copies of one line at one time do: a page is the most that can be
// had of them.)
func TestReadBackAcrossPages(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 9))
		fake := &fakeLoki{maxLines: 20 + rng.IntN(40), added: []string{"", "service_name"}[rng.IntN(2)]}
		if rng.IntN(2) == 0 {
			fake.maxBytes = 1000 + rng.IntN(1000)
		}
		at := fake.serve(t)
		records := randomRecords(rng, 1+rng.IntN(400))
		var pushed, rest []replay.Record
		for _, r := range records {
			if rng.IntN(3) > 0 {
				pushed = append(pushed, r)
			} else {
				rest = append(rest, r)
			}
		}
		before := mustNew(t, lokipush.Options{Endpoint: at, Tenant: "t"})
		pushAll(t, before, pushed)
		before.Close()

		// Another process resumes: it knows nothing of the label names.
		s := mustNew(t, lokipush.Options{Endpoint: at, Tenant: "t"})
		from, to := time.Unix(0, records[0].T), time.Unix(0, records[len(records)-1].T+1)
		stored, err := s.Stored(t.Context(), from, to)
		if err != nil || stored != (replay.Stored{Items: int64(len(pushed))}) {
			t.Errorf("seed %d: Stored = %+v, %v, want %d items", seed, stored, err, len(pushed))
		}
		// Equal lines of one time cannot be told apart: which of them is missing is open, how many not.
		missing, err := s.Missing(t.Context(), slices.Clone(records))
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		got, want := recordTexts(missing), recordTexts(rest)
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("seed %d, pages of %d: missing (-want +got):\n%s", seed, fake.maxLines, diff)
		}
		pushAll(t, s, missing)
		if missing, err = s.Missing(t.Context(), slices.Clone(records)); err != nil || len(missing) != 0 {
			t.Errorf("seed %d: after pushing what was missing, %d are missing, %v", seed, len(missing), err)
		}
		if stored, err = s.Stored(t.Context(), from, to); err != nil || stored.Items != int64(len(records)) {
			t.Errorf("seed %d: at the end Stored = %+v, %v, want %d items", seed, stored, err, len(records))
		}
		s.Close()
	}
}

// TestReadBackAsksForManyStreamsAtOnce counts queries: streams of the same label names share them.
func TestReadBackAsksForManyStreamsAtOnce(t *testing.T) {
	fake := &fakeLoki{maxLines: 5000, added: "service_name"}
	s := mustNew(t, lokipush.Options{Endpoint: fake.serve(t)})
	defer s.Close()
	var records []replay.Record
	for i := range 1000 {
		stream := &replay.Stream{ID: uint32(i), Labels: labels.FromStrings("app", "a", "pod", fmt.Sprintf("pod-%04d", i))}
		records = append(records, replay.Record{Stream: stream, T: int64(i), Line: []byte("x")})
	}
	pushAll(t, s, records)
	missing, err := s.Missing(t.Context(), records)
	if err != nil || len(missing) != 0 || fake.queries > 25 {
		t.Errorf("Missing = %d, %v after %d queries, want none after at most 25", len(missing), err, fake.queries)
	}
	fake.queries = 0
	stored, err := s.Stored(t.Context(), time.Unix(0, 0), time.Unix(0, 1000))
	if err != nil || stored.Items != 1000 || fake.queries != 3 {
		t.Errorf("Stored = %+v, %v after %d queries, want 1000 after 3", stored, err, fake.queries)
	}
	// The range is half-open, to the nanosecond.
	if stored, err = s.Stored(t.Context(), time.Unix(0, 10), time.Unix(0, 20)); err != nil || stored.Items != 10 {
		t.Errorf("Stored of ten instants = %+v, %v, want 10", stored, err)
	}
	if stored, err = s.Stored(t.Context(), time.Unix(0, 10), time.Unix(0, 10)); err != nil || stored.Items != 0 {
		t.Errorf("Stored of no time = %+v, %v, want 0", stored, err)
	}
	if _, err = s.Stored(t.Context(), time.Unix(0, 10), time.Unix(0, 9)); err == nil {
		t.Error("Stored of a range that ends before its start: no error")
	}
}

func TestNewRefuses(t *testing.T) {
	withHeader := (&fakeLoki{}).serve(t)
	withHeader.Headers = map[string]string{"x-scope-orgid": "a"}
	for _, tt := range []struct {
		o    lokipush.Options
		want string
	}{
		{lokipush.Options{}, "loki push: endpoint: url is empty"},
		{lokipush.Options{MaxLines: -1}, "loki push: negative limit (0 bytes, -1 lines)"},
		{lokipush.Options{Endpoint: withHeader, Tenant: "b"}, "loki push: the tenant is given twice, as such and as header X-Scope-OrgID"},
	} {
		if _, err := lokipush.New(tt.o); err == nil || err.Error() != tt.want {
			t.Errorf("New = %v, want %s", err, tt.want)
		}
	}
}
