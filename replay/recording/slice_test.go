package recording_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"firedrill/replay/recording"
)

// A read of [a, c) is the reads of [a, b) and [b, c), and a slice holds what a read of its range gives:
// in particular exemplars are neither lost nor doubled at a seam.
func TestRangesAndSlices(t *testing.T) {
	const over = 5 * time.Hour
	in := randomInput(7, 2000, over)
	r, dir := mustRecord(t, in, 7)
	all := read(t, r, time.Time{}, forever)
	rnd := rand.New(rand.NewPCG(7, 3))
	for i := range 8 {
		from := epoch.Add(time.Duration(rnd.Int64N(int64(over))))
		to := from.Add(time.Duration(1 + rnd.Int64N(int64(over))))
		if i == 0 { // an instant that is the time of a sample
			from = time.UnixMilli(in.samples[len(in.samples)/2].t)
		}
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			before, within, after := read(t, r, time.Time{}, from), read(t, r, from, to), read(t, r, to, forever)
			joined := contents{
				append(append(before.samples, within.samples...), after.samples...),
				append(append(before.exemplars, within.exemplars...), after.exemplars...),
				append(append(before.records, within.records...), after.records...),
				append(append(before.spans, within.spans...), after.spans...),
			}
			if d := cmp.Diff(all, joined, cmp.AllowUnexported(contents{})); d != "" {
				t.Errorf("three ranges are not the whole (-whole +ranges):\n%s", d)
			}
			dst := filepath.Join(t.TempDir(), "slice")
			check(t, recording.Slice(context.Background(), r, from, to, dst))
			sliced := read(t, mustOpen(t, dst), time.Time{}, forever)
			if d := cmp.Diff(within, sliced, cmp.AllowUnexported(contents{})); d != "" {
				t.Errorf("slice is not the range (-range +slice):\n%s", d)
			}
			sound(t, dst)
		})
	}
	whole := filepath.Join(t.TempDir(), "whole")
	check(t, recording.Slice(context.Background(), r, epoch, forever, whole))
	sameFiles(t, dir, whole)
}

// sameFiles compares two recordings byte by byte but for what the manifest counts as changed, and for
// exemplars that nothing can carry.
func sameFiles(t *testing.T, a, b string) {
	t.Helper()
	check(t, filepath.WalkDir(a, func(path string, d os.DirEntry, err error) error {
		rel, _ := filepath.Rel(a, path)
		if err != nil || d.IsDir() || rel == "manifest.json" || strings.HasPrefix(filepath.ToSlash(rel), "metrics/exemplars") {
			return err
		}
		want, err := os.ReadFile(path)
		check(t, err)
		got, err := os.ReadFile(filepath.Join(b, rel))
		check(t, err)
		if string(got) != string(want) {
			t.Errorf("%s differs", rel)
		}
		return nil
	}))
}

// Sorting on disk and many small files change nothing of what is read.
func TestLittleMemory(t *testing.T) {
	in := randomInput(9, 3000, 3*time.Hour)
	r, dir := mustRecord(t, in, 9)
	small := filepath.Join(t.TempDir(), "small")
	// A run holds about four records: the runs are merged more than once.
	w, err := recording.CreateSmall(small, 1<<10, 32<<10, 8<<10)
	check(t, err)
	in.write(t, w, rand.New(rand.NewPCG(9, 2)))
	mustClose(t, w)
	for _, pattern := range []string{"logs/*", "traces/*.otlp"} {
		if files, err := filepath.Glob(filepath.Join(small, pattern)); err != nil || len(files) < 5 {
			t.Errorf("got %v, %v, want at least five files", files, err)
		}
	}
	s := mustOpen(t, small)
	for _, to := range []time.Duration{24 * time.Hour, time.Hour, 50 * time.Minute, time.Second} {
		from := epoch.Add(to / 3)
		if d := cmp.Diff(read(t, r, from, epoch.Add(to)), read(t, s, from, epoch.Add(to)), cmp.AllowUnexported(contents{})); d != "" {
			t.Errorf("%s: (-much memory +little):\n%s", to, d)
		}
	}
	sound(t, small)
	whole := filepath.Join(t.TempDir(), "whole")
	check(t, recording.Slice(context.Background(), s, epoch, forever, whole))
	sameFiles(t, dir, whole)
}

func TestSliceRefuses(t *testing.T) {
	r, _ := mustRecord(t, randomInput(8, 100, time.Hour), 8)
	for name, c := range map[string]struct {
		from, to time.Time
		want     string
	}{
		"empty range": {epoch, epoch, "the range is empty"},
		"nothing":     {forever.Add(-1), forever, "the recording has nothing there"},
	} {
		t.Run(name, func(t *testing.T) {
			parent := t.TempDir()
			err := recording.Slice(context.Background(), r, c.from, c.to, filepath.Join(parent, "x"))
			wantError(t, err, c.want)
			empty(t, parent)
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	parent := t.TempDir()
	wantError(t, recording.Slice(ctx, r, epoch, forever, filepath.Join(parent, "x")), "context canceled")
	empty(t, parent)
}

// sound fails unless Verify finds nothing broken.
func sound(tb testing.TB, dir string) []recording.Problem {
	tb.Helper()
	ps, err := recording.Verify(context.Background(), dir)
	check(tb, err)
	for _, p := range ps {
		if p.Severity == recording.Broken {
			tb.Errorf("verify: %s", p)
		}
	}
	return ps
}

func wantError(tb testing.TB, err error, want string) {
	tb.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		tb.Errorf("got error %v, want %q in it", err, want)
	} else if strings.Contains(err.Error(), "\n") {
		tb.Errorf("error has several lines: %q", err)
	}
}

func empty(tb testing.TB, dir string) {
	tb.Helper()
	es, err := os.ReadDir(dir)
	check(tb, err)
	for _, e := range es {
		tb.Errorf("%s was left behind", e.Name())
	}
}
