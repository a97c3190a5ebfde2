package lokipush

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/google/go-cmp/cmp"
	"github.com/grafana/loki/pkg/push"
	"github.com/prometheus/prometheus/model/labels"

	"firedrill/replay"
)

func unixNano(t int64) time.Time { return time.Unix(0, t).UTC() }

// decode reads a request as Loki does.
func decode(t testing.TB, body []byte) *push.PushRequest {
	t.Helper()
	raw, err := snappy.Decode(nil, body)
	if err != nil {
		t.Fatal(err)
	}
	var request push.PushRequest
	if err := request.Unmarshal(raw); err != nil {
		t.Fatal(err)
	}
	return &request
}

// TestEncodeAgreesWithGenerated compares requests of random records with those of the generated types.
func TestEncodeAgreesWithGenerated(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 0))
		items := makeRecords(1+rng.IntN(300), 1+rng.IntN(30), rng.IntN(300), rng.Int64N(1<<61))
		for i := range items {
			switch rng.IntN(20) {
			case 0:
				items[i].Line = nil
			case 1:
				items[i].Metadata = nil
			case 2:
				items[i].T = -rng.Int64N(1e12) // before 1970
			case 3:
				items[i].Metadata[0] = replay.Pair{}
			case 4:
				items[i].Line = []byte{0xff, 0, '\n', 0xfe}
			}
		}
		var (
			e     = newEncoder()
			cache labelCache
		)
		if n := e.gather(items, &cache, 1<<30, 0); n != len(items) {
			t.Fatalf("seed %d: gathered %d of %d", seed, n, len(items))
		}
		got := decode(t, e.compress(items))
		want := generated(items)
		if diff := cmp.Diff(want.Streams, got.Streams); diff != "" {
			t.Fatalf("seed %d: request differs from the generated types' (-want +got):\n%s", seed, diff)
		}
	}
}

// TestGatherTakesLongestPrefix looks for the size at which one more record fits.
func TestGatherTakesLongestPrefix(t *testing.T) {
	const slack = 16 // a stream's length is reckoned with as many bytes as the request's would take
	var cache labelCache
	items := makeRecords(400, 7, 100, 1700000000e9)
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 1))
		from := rng.IntN(len(items))
		maxBytes, maxLines := 1+rng.IntN(20000), rng.IntN(60)
		e := newEncoder()
		n := e.gather(items[from:], &cache, maxBytes, maxLines)
		size := len(e.encode(items[from:]))
		switch {
		case n < 1, maxLines > 0 && n > maxLines:
			t.Errorf("seed %d: gathered %d, limit %d", seed, n, maxLines)
		case size > maxBytes && n > 1:
			t.Errorf("seed %d: %d records take %d bytes, limit %d", seed, n, size, maxBytes)
		}
		if n == maxLines || from+n == len(items) {
			continue
		}
		// Without limits, one record more must exceed the size.
		e.gather(items[from:from+n+1], &cache, 1<<30, 0)
		if more := len(e.encode(items[from:])); more <= maxBytes-slack*len(e.streams) {
			t.Errorf("seed %d: gathered %d, though %d take %d of %d bytes", seed, n, n+1, more, maxBytes)
		}
	}
}

func TestLabelCacheFollowsTheLabels(t *testing.T) {
	var cache labelCache
	for _, tt := range []struct {
		id   uint32
		ls   labels.Labels
		want string
	}{
		{3, labels.FromStrings("app", `a"b`, "zone", "x\ny"), `{app="a\"b", zone="x\ny"}`},
		{0, labels.FromStrings("app", "a"), `{app="a"}`},
		{3, labels.FromStrings("app", "c"), `{app="c"}`}, // the ID of another source
		{1, labels.EmptyLabels(), `{}`},
	} {
		for range 2 {
			if got := cache.text(&replay.Stream{ID: tt.id, Labels: tt.ls}); got != tt.want {
				t.Errorf("text of stream %d is %s, want %s", tt.id, got, tt.want)
			}
		}
	}
	if n := len(cache.nameSets()); n != 3 {
		t.Errorf("%d sets of names, want 3: app and zone, app, none", n)
	}
}
