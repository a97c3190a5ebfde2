package convert_test

import (
	"archive/tar"
	"bufio"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/tsdb/record"
	"github.com/prometheus/prometheus/tsdb/tombstones"

	"firedrill/replay/convert"
)

const (
	hour  = int64(60 * 60 * 1000)
	start = 1648188468719 / (2 * hour) * 2 * hour // the begin of a window
)

var hist = &histogram.Histogram{
	Schema: 1, Count: 3, Sum: 4.5, ZeroThreshold: 0.001,
	PositiveSpans: []histogram.Span{{Offset: 0, Length: 2}}, PositiveBuckets: []int64{1, 1},
}

// floats lists the float samples of the metric as time since start and value.
func (m *memory) floats(metric string) []sample {
	var out []sample
	for _, p := range m.series[labels.FromStrings(model.MetricNameLabel, metric, "job", "test").String()] {
		out = append(out, sample{t: p.t - start, v: math.Float64frombits(p.v)})
	}
	return out
}

func importTSDB(t *testing.T, path string) (*memory, convert.Stats) {
	t.Helper()
	m := newMemory()
	s, err := convert.Convert(t.Context(), "tsdb", []string{path}, m, convert.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return m, s
}

// testData is a data directory with what is hard: names of blocks out of order, overlapping blocks, a
// replaced block, deletions, chunks that span windows, histograms, and a head.
func testData(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	writeBlock(t, dir, blockSpec{ulid: "01FZ05A1P5JX4W4JX1D1HMYJHT", series: map[string][]sample{
		"a": {{t: start, v: 1}, {t: start + hour, v: 2}, {t: start + 3*hour, v: 3}},
		"b": {{t: start + 1, v: 10}, {t: start + 2, v: 11}, {t: start + 3, v: 12}},
	}, deleted: map[string]tombstones.Interval{"b": {Mint: start + 2, Maxt: start + 2}}})
	writeBlock(t, dir, blockSpec{ulid: "01FYRNS3T7P7V2WHRHN90K0RWS", series: map[string][]sample{
		"a": {{t: start + hour, v: 2}, {t: start + 2*hour, v: 2.5}, {t: start + 3*hour, v: 99}},
		"h": {{t: start + hour, h: hist}},
	}, parents: []string{"01FYTKEKPV5PX2F92Q3V5AV8RK"}})
	writeBlock(t, dir, blockSpec{ulid: "01FYTKEKPV5PX2F92Q3V5AV8RK", series: map[string][]sample{"replaced": {{t: start, v: 1}}}})
	for _, d := range []string{"01FYWH9KHSJGGF87980DX1WDQE.tmp-for-creation", "chunks_head"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var e record.Encoder
	l := func(name string) labels.Labels { return labels.FromStrings(model.MetricNameLabel, name, "job", "test") }
	hists, _ := e.HistogramSamples([]record.RefHistogramSample{{Ref: 3, T: start + 4*hour, H: hist}}, nil)
	fhists, _ := e.FloatHistogramSamples([]record.RefFloatHistogramSample{{Ref: 3, T: start + 4*hour + 1, FH: hist.ToFloat(nil)}}, nil)
	writeLog(t, filepath.Join(dir, "wal", "checkpoint.00000000"),
		e.Series([]record.RefSeries{{Ref: 1, Labels: l("a")}, {Ref: 2, Labels: l("c_bucket")}, {Ref: 3, Labels: l("h")}}, nil),
		e.Metadata([]record.RefMetadata{{Ref: 1, Type: record.GetMetricType(model.MetricTypeCounter), Unit: "seconds", Help: "old"},
			{Ref: 1, Type: record.GetMetricType(model.MetricTypeCounter), Unit: "seconds", Help: "A."},
			{Ref: 2, Type: record.GetMetricType(model.MetricTypeHistogram), Help: "C."}}, nil))
	writeLog(t, filepath.Join(dir, "wal"), e.Samples([]record.RefSample{{Ref: 1, T: start + 9*hour, V: -1}}, nil)) // segment 0, in the checkpoint
	writeLog(t, filepath.Join(dir, "wal"),
		e.Samples([]record.RefSample{{Ref: 1, T: start + 3*hour, V: 3}, {Ref: 1, T: start + 4*hour, V: 4}, {Ref: 2, T: start + 4*hour, V: 7}}, nil),
		e.Series([]record.RefSeries{{Ref: 9, Labels: l("a")}}, nil), // a again, after a restart
		e.Samples([]record.RefSample{
			{Ref: 9, T: start + 6*hour, V: math.Float64frombits(value.StaleNaN)}, {Ref: 9, T: start + 5*hour, V: 55}, // the second out of order
			{Ref: 9, T: start + 6*hour + 1, V: 6}, {Ref: 9, T: start + 6*hour + 2, V: 7}, {Ref: 77, T: start + 6*hour, V: 1}}, nil),
		e.Exemplars([]record.RefExemplar{{Ref: 2, T: start + 4*hour, V: 0.5, Labels: labels.FromStrings("trace_id", "ab")}}, nil),
		e.Tombstones([]tombstones.Stone{{Ref: 9, Intervals: tombstones.Intervals{{Mint: start + 6*hour + 2, Maxt: start + 7*hour}}},
			{Ref: 2, Intervals: tombstones.Intervals{{Mint: math.MinInt64, Maxt: math.MaxInt64}}}}, nil),
		hists, fhists)
	writeLog(t, filepath.Join(dir, "wbl"),
		e.Samples([]record.RefSample{{Ref: 9, T: start + 5*hour, V: 55}, {Ref: 1, T: start + 30, V: 0.5}}, nil),
		e.MmapMarkers([]record.RefMmapMarker{{Ref: 1, MmapRef: 1}}, nil))
	return dir
}

func TestTSDBHandMade(t *testing.T) {
	dir := testData(t)
	for _, path := range []string{dir, filepath.Dir(dir), archive(t, dir, "some/data"), archive(t, dir, ".")} {
		m, s := importTSDB(t, path)
		got := m.floats("a")
		for i, p := range got {
			if p.t == 6*hour {
				if math.Float64bits(p.v) != value.StaleNaN {
					t.Errorf("stale marker has bits %x", math.Float64bits(p.v))
				}
				got[i].v = -1
			}
		}
		want := []sample{{t: 0, v: 1}, {t: 30, v: 0.5}, {t: hour, v: 2}, {t: 2 * hour, v: 2.5}, {t: 3 * hour, v: 3}, {t: 4 * hour, v: 4},
			{t: 5 * hour, v: 55}, {t: 6 * hour, v: -1}, {t: 6*hour + 1, v: 6}}
		if !slices.Equal(got, want) {
			t.Errorf("a is\n%v, want\n%v", got, want)
		}
		if got, want := m.floats("b"), []sample{{t: 1, v: 10}, {t: 3, v: 12}}; !slices.Equal(got, want) {
			t.Errorf("b is %v, want %v", got, want)
		}
		h := m.series[labels.FromStrings(model.MetricNameLabel, "h", "job", "test").String()]
		if len(h) != 3 || !h[0].h.Equals(hist) || !h[1].h.Equals(hist) || h[2].fh == nil || h[2].fh.Sum != 4.5 {
			t.Errorf("h is %+v, want two histograms and a float histogram", h)
		}
		if len(m.series) != 4 || m.dupSamples != 1 || m.conflicts != 1 {
			t.Errorf("%d series, %d duplicates, %d conflicts, want 4, 1, 1", len(m.series), m.dupSamples, m.conflicts)
		}
		if ex := m.exemplars[labels.FromStrings(model.MetricNameLabel, "c_bucket", "job", "test").String()]; len(ex) != 1 || ex[0].T != start+4*hour || ex[0].V != 0.5 || ex[0].Labels.Get("trace_id") != "ab" {
			t.Errorf("exemplars %v", ex)
		}
		if f := m.families; len(f) != 2 || f["a"].Help != "A." || f["a"].Type != "counter" || f["a"].Unit != "seconds" || f["c"].Type != "histogram" {
			t.Errorf("families %v", f)
		}
		wantSkipped := []convert.Tally{
			{Reason: "WAL sample from before the end of the newest block", Count: 1},
			{Reason: "WAL sample or exemplar of a series that the WAL does not name", Count: 1},
			{Reason: "WAL sample out of order (the WBL holds those that were accepted)", Count: 1},
			{Reason: "block that a compaction has replaced", Count: 1},
			{Reason: "block that was being written or deleted", Count: 1},
			{Reason: "sample that was deleted (tombstone)", Count: 2},
		}
		if strings.HasSuffix(path, ".gz") { // empty directories are not in the archive
			wantSkipped = slices.Delete(wantSkipped, 4, 5)
		}
		if diff := cmp.Diff(wantSkipped, s.Skipped); diff != "" {
			t.Errorf("skipped (-want +got):\n%s", diff)
		}
	}
}

func TestTSDBOneBlock(t *testing.T) {
	dir := t.TempDir()
	writeBlock(t, dir, blockSpec{ulid: "01FZ05A1P5JX4W4JX1D1HMYJHT", series: map[string][]sample{"a": {{t: start, v: 1}}}})
	for _, p := range []string{dir, filepath.Join(dir, "01FZ05A1P5JX4W4JX1D1HMYJHT")} {
		if m, _ := importTSDB(t, p); !slices.Equal(m.floats("a"), []sample{{t: 0, v: 1}}) {
			t.Errorf("%s: a is %v", p, m.floats("a"))
		}
	}
}

// TestTSDBTornLog cuts the last segment at every byte (the values do not end in zero bytes, which the
// padding of a page would restore): the samples before the cut are imported, and
// the cut is no error. The same in an earlier place is one.
func TestTSDBTornLog(t *testing.T) {
	dir := t.TempDir()
	var e record.Encoder
	wal := filepath.Join(dir, "wal")
	recs := [][]byte{e.Series([]record.RefSeries{{Ref: 1, Labels: labels.FromStrings(model.MetricNameLabel, "a", "job", "test")}}, nil)}
	for i := range int64(20) {
		recs = append(recs, e.Samples([]record.RefSample{{Ref: 1, T: start + i, V: float64(i) + 0.1}}, nil))
	}
	writeLog(t, wal, recs...)
	name := filepath.Join(wal, "00000000")
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	end := len(whole)
	for end > 0 && whole[end-1] == 0 { // the rest of the page
		end--
	}
	prev := 0
	for cut := 60; cut <= end; cut++ {
		if err := os.WriteFile(name, whole[:cut], 0o644); err != nil {
			t.Fatal(err)
		}
		m, s := importTSDB(t, dir)
		n := m.samples()
		if n < prev || n > prev+1 {
			t.Fatalf("cut at %d: %d samples, at %d were %d", cut, n, cut-1, prev)
		}
		if torn := tally(s.Skipped, "last WAL record, which was not written whole"); (n == prev) != (torn == 1) && cut > 60 {
			t.Fatalf("cut at %d: %d samples, torn %d", cut, n, torn)
		}
		prev = n
	}
	if prev != 20 {
		t.Errorf("the whole log gives %d samples, want 20", prev)
	}
	bad := slices.Clone(whole)
	bad[100] ^= 1
	if err := os.WriteFile(name, bad, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = convert.Convert(t.Context(), "tsdb", []string{dir}, newMemory(), convert.Options{})
	if err == nil || !strings.Contains(err.Error(), "wal/00000000: offset ") || !strings.Contains(err.Error(), "remove the wal") {
		t.Errorf("damage in the middle: error %v, want segment and offset", err)
	}
	// Cut, but not in the last segment.
	if err := os.WriteFile(name, whole[:100], 0o644); err != nil {
		t.Fatal(err)
	}
	writeLog(t, wal, recs[1])
	_, err = convert.Convert(t.Context(), "tsdb", []string{dir}, newMemory(), convert.Options{})
	if err == nil || !strings.Contains(err.Error(), "wal/00000000: offset ") {
		t.Errorf("cut in an earlier segment: error %v, want segment and offset", err)
	}
}

// TestTSDBDamaged flips each byte of each file of a block. Every outcome but a panic is right: some
// bytes are padding or of no consequence.
func TestTSDBDamaged(t *testing.T) {
	dir := t.TempDir()
	writeBlock(t, dir, blockSpec{ulid: "01FZ05A1P5JX4W4JX1D1HMYJHT", series: map[string][]sample{"a": {{t: start, v: 1}, {t: start + hour, v: 2}}},
		deleted: map[string]tombstones.Interval{"a": {Mint: start, Maxt: start}}})
	failed := 0
	for _, f := range []string{"index", "chunks/000001", "tombstones", "meta.json"} {
		name := filepath.Join(dir, "01FZ05A1P5JX4W4JX1D1HMYJHT", f)
		whole, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for i := range whole {
			bad := slices.Clone(whole)
			bad[i] ^= 0xff
			if err := os.WriteFile(name, bad, 0o644); err != nil {
				t.Fatal(err)
			}
			if _, err := convert.Convert(t.Context(), "tsdb", []string{dir}, newMemory(), convert.Options{}); err != nil {
				failed++
				if !strings.Contains(err.Error(), "01FZ05A1P5JX4W4JX1D1HMYJHT") {
					t.Errorf("%s, byte %d: error does not name the block: %v", f, i, err)
				}
			}
		}
		if err := os.WriteFile(name, whole, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if failed < 100 {
		t.Errorf("only %d damages were noticed", failed)
	}
}

func TestTSDBErrors(t *testing.T) {
	several := t.TempDir()
	for _, d := range []string{"one/wal", "two/wal"} {
		if err := os.MkdirAll(filepath.Join(several, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	gap := t.TempDir()
	writeLog(t, filepath.Join(gap, "wal"))
	if err := os.Rename(filepath.Join(gap, "wal", "00000000"), filepath.Join(gap, "wal", "00000005")); err != nil {
		t.Fatal(err)
	}
	writeLog(t, filepath.Join(gap, "wal", "checkpoint.00000001"))
	for _, tt := range []struct{ name, path, want string }{
		{"nothing", t.TempDir(), "no Prometheus data here: want a directory with blocks"},
		{"several", several, "holds several Prometheus data directories"},
		{"absent", filepath.Join(several, "none"), "no such file"},
		{"not gzip", writeTree(t, map[string]string{"x.tar.gz": "plain"}) + "/x.tar.gz", "not a .tar.gz"},
		{"outside", archive(t, t.TempDir(), "", tar.Header{Name: "../evil", Typeflag: tar.TypeReg}), `archive entry "../evil" lies outside the archive`},
		{"link only", archive(t, t.TempDir(), "", tar.Header{Name: "wal", Typeflag: tar.TypeSymlink, Linkname: "/etc"}), "no Prometheus data here"},
		{"segments missing", gap, "segments 2 to 4 are missing after checkpoint.00000001"},
		{"meta", writeTree(t, map[string]string{"01FZ05A1P5JX4W4JX1D1HMYJHT/meta.json": `{"version":7}`}), "meta.json: block version 7, want 1"},
		{"no index", writeTree(t, map[string]string{"01FZ05A1P5JX4W4JX1D1HMYJHT/meta.json": `{"version":1}`}), "01FZ05A1P5JX4W4JX1D1HMYJHT: index: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := convert.Convert(t.Context(), "tsdb", []string{tt.path}, newMemory(), convert.Options{})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}

// TestTSDBRecorded compares with what promtool dumped from the same directory. That the whole, with
// the WAL, gives 1,430,969 samples was seen with promtool tsdb dump of v0.313.5, too.
func TestTSDBRecorded(t *testing.T) {
	dir := sharedData(t, "promscale-prometheus-tsdb")
	m, s := importTSDB(t, filepath.Join(dir, "prometheus-data.tar.gz"))
	const blocks = 805884 + 213791 + 21249 + 190287 + 103965 + 3159 + 76845
	if m.samples() != 1430969 || s.Samples != 1430969 || m.conflicts+m.dupSamples != 0 {
		t.Errorf("%d samples, want 1430969: %d of the blocks, the others of the WAL", m.samples(), blocks)
	}
	f, err := os.Open(filepath.Join(dir, "derived", "dump-20220325T0607-0800.om"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	at := map[string]map[int64]uint64{}
	for l, ps := range m.series {
		at[l] = map[int64]uint64{}
		for _, p := range ps {
			at[l][p.t] = p.v
		}
	}
	n := 0
	for sc := bufio.NewScanner(f); sc.Scan() && sc.Text() != "# EOF"; n++ {
		fields := strings.Fields(sc.Text())
		k := len(fields)
		v, err1 := strconv.ParseFloat(fields[k-2], 64)
		sec, err2 := strconv.ParseFloat(fields[k-1], 64)
		name, rest, _ := strings.Cut(strings.Join(fields[:k-2], " "), "{")
		l := `{__name__="` + name + `", ` + strings.ReplaceAll(rest, `",`, `", `)
		got, ok := at[l][int64(math.Round(sec*1000))]
		if err1 != nil || err2 != nil || !ok || math.Float64frombits(got) != v && !math.IsNaN(v) {
			t.Fatalf("line %d, %s: got %v (found %t)", n+1, sc.Text(), math.Float64frombits(got), ok)
		}
	}
	if n != 3159 {
		t.Errorf("compared %d samples, want 3159", n)
	}
}

// TestTSDBRecordKinds writes samples in every encoding that a WAL may have.
func TestTSDBRecordKinds(t *testing.T) {
	custom := &histogram.Histogram{Schema: histogram.CustomBucketsSchema, Count: 3, Sum: 4, CustomValues: []float64{1, 2},
		PositiveSpans: []histogram.Span{{Offset: 0, Length: 2}}, PositiveBuckets: []int64{1, 1}}
	negative := hist.Copy()
	negative.NegativeSpans, negative.NegativeBuckets, negative.Count = []histogram.Span{{Offset: 1, Length: 1}}, []int64{2}, 5
	for _, st := range []bool{false, true} {
		e := record.Encoder{EnableSTStorage: st}
		var ih []record.RefHistogramSample
		var fh []record.RefFloatHistogramSample
		for i, h := range []*histogram.Histogram{hist, negative, custom} {
			at := start + int64(10*i)
			ih = append(ih, record.RefHistogramSample{Ref: 1, ST: start - int64(i/2), T: at, H: h})
			fh = append(fh, record.RefFloatHistogramSample{Ref: 2, ST: start - int64(i/2), T: at, FH: h.ToFloat(nil)})
		}
		recs := [][]byte{
			e.Series([]record.RefSeries{{Ref: 1, Labels: labels.FromStrings(model.MetricNameLabel, "h")}, {Ref: 2, Labels: labels.FromStrings(model.MetricNameLabel, "f")},
				{Ref: 3, Labels: labels.FromStrings(model.MetricNameLabel, "v")}}, nil),
			e.Samples([]record.RefSample{{Ref: 3, ST: start - 5, T: start, V: 1}, {Ref: 3, T: start + 10, V: 2}}, nil),
		}
		rec, others := e.HistogramSamples(ih, nil)
		recs = append(recs, rec)
		if len(others) > 0 {
			recs = append(recs, e.CustomBucketsHistogramSamples(others, nil))
		}
		rec, fothers := e.FloatHistogramSamples(fh, nil)
		recs = append(recs, rec)
		if len(fothers) > 0 {
			recs = append(recs, e.CustomBucketsFloatHistogramSamples(fothers, nil))
		}
		dir := t.TempDir()
		writeLog(t, filepath.Join(dir, "wal"), recs...)
		m, s := importTSDB(t, dir)
		if m.samples() != 8 || len(s.Skipped) != 0 {
			t.Fatalf("start times %t: %d samples, skipped %v, want 8 and none", st, m.samples(), s.Skipped)
		}
		for i, h := range []*histogram.Histogram{hist, negative, custom} {
			if got := m.series[`{__name__="h"}`][i].h; !got.Equals(h) {
				t.Errorf("start times %t: histogram %d is %v, want %v", st, i, got, h)
			}
			if got := m.series[`{__name__="f"}`][i].fh; !got.Equals(h.ToFloat(nil)) {
				t.Errorf("start times %t: float histogram %d is %v, want %v", st, i, got, h)
			}
		}
	}
}

// TestTSDBImplausible checks that counts beyond the record's bytes end the import at once.
func TestTSDBImplausible(t *testing.T) {
	var e record.Encoder
	series := e.Series([]record.RefSeries{{Ref: 1, Labels: labels.FromStrings(model.MetricNameLabel, "a")}}, nil)
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}
	sixteen := make([]byte, 16)
	for name, rec := range map[string][]byte{
		"labels in":  slices.Concat([]byte{byte(record.Series)}, sixteen[:8], huge),
		"fields in":  slices.Concat([]byte{byte(record.Metadata), 1, 1}, huge),
		"spans in":   slices.Concat([]byte{byte(record.HistogramSamples)}, sixteen, []byte{0, 0, 0, 0}, sixteen[:8], []byte{0, 0}, sixteen[:8], huge),
		"buckets in": slices.Concat([]byte{byte(record.HistogramSamples)}, sixteen, []byte{0, 0, 0, 0}, sixteen[:8], []byte{0, 0}, sixteen[:8], []byte{0, 0}, huge),
	} {
		dir := t.TempDir()
		writeLog(t, filepath.Join(dir, "wal"), series, rec)
		_, err := convert.Convert(t.Context(), "tsdb", []string{dir}, newMemory(), convert.Options{})
		if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "wal/00000000: before offset ") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}
