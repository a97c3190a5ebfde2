package replay_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"firedrill/replay"
)

// whole is a checkpoint of a session that was paused once, before its page.
const whole = `{"version":1,"session":"s1","recording":"","key":"` + zeroKey + `","from":1661145489000000000,"page":1661145609000000000,
"segments":[{"recorded":1661145500000000000,"wall":946684800000000000,"speed":1},{"recorded":1661145500000000000,"wall":946684900000000000,"speed":1},
{"recorded":1661145609000000000,"wall":946685009000000000,"speed":2}],"held":1661145700000000000,"box":60000000000,"stopped":1661145729123456789,
"signals":{"logs":{"acknowledged":1661145600000000000,"inDoubt":1661145610000000000,"totals":{"read":9,"sent":9,"refused":0,"retried":0}}},"done":false}`

const zeroKey = "0000000000000000000000000000000000000000000000000000000000000000"

func TestDamagedCheckpoints(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{whole, "", "unexpected end of JSON input"},
		{whole, "null", "version 0 is not one"},
		{`"version":1`, `"version":2`, "version 2 is not one that this firedrill can resume (1)"},
		{zeroKey, "00", "key has 1 valid hexadecimal bytes, not 32"},
		{`"segments":[`, `"segments":null,"x":[`, "the clock has no segments"},
		{`"speed":2`, `"speed":0`, "segment 2 of the clock has the speed 0, not 0.01 to 100"},
		{`"speed":2`, `"speed":-1`, "speed -1"},
		{`"speed":2`, `"speed":1e300`, "speed 1e+300"},
		{`"speed":2`, `"speed":NaN`, "invalid character 'N'"},
		{`"wall":946684900000000000`, `"wall":9`, "segment 1 of the clock begins before the one above"},
		{`"recorded":1661145609000000000`, `"recorded":1661145608000000000`, "the clock ends before the page"},
		{`"wall":946685009000000000`, `"wall":9223372036854775807`, "the clock has the time 9223372036854775807 ns"},
		{`"held":1661145700000000000`, `"held":1661145499000000000`, "the clock stands before its segment 1"},
		{`"stopped":1661145729123456789`, `"stopped":-1`, "the clock has the time -1 ns"},
		{`"box":60000000000`, `"box":-1`, "the clock has the time -1 ns"},
		{`"from":1661145489000000000`, `"from":1661145789000000000`, "the history begins at 1661145789000000000 ns, and the page is at 1661145609000000000 ns"},
		{`"logs"`, `"profiles"`, `signal "profiles" is not known`},
		{`"acknowledged":1661145600000000000`, `"acknowledged":7`, "logs: the times 7 and 1661145610000000000 ns are not between"},
		{`"inDoubt":1661145610000000000`, `"inDoubt":9223372036854775807`, "logs: the times"},
		{`"sent":9`, `"sent":-9`, "logs: negative totals"},
	} {
		path := filepath.Join(t.TempDir(), "c.json")
		do(t, os.WriteFile(path, []byte(strings.Replace(whole, c.old, c.new, 1)), 0o600))
		cp, err := replay.LoadCheckpoint(path)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) || cp != nil {
			t.Errorf("%q for %q: error %v, want the file's name and %q", c.new, c.old, err, c.want)
		}
	}
	if _, err := replay.LoadCheckpoint(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// A checkpoint that is resumed is not changed, so that it can be resumed again.
func TestResumeLeavesTheCheckpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := incident(12, time.Minute)
		path := filepath.Join(t.TempDir(), "c.json")
		do(t, os.WriteFile(path, []byte(whole), 0o600))
		cp, err := replay.LoadCheckpoint(path)
		do(t, err)
		cp.Held = nil
		before, _ := json.Marshal(cp)
		r := mustNew(t, m, newBackends().sinks(), replay.Options{Resume: cp, Checkpoint: path})
		do(t, r.Pause())
		do(t, r.SetSpeed(7))
		do(t, r.Resume())
		if after, _ := json.Marshal(cp); string(after) != string(before) {
			t.Errorf("was %s\n is %s", before, after)
		}
	})
}

// What comes from a file gives an error, or a session whose clock works.
func FuzzLoadCheckpoint(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte(strings.Replace(whole, `"held"`, `"hold"`, 1)))
	f.Add([]byte(strings.Replace(whole, `"signals":{`, `"signals":null,"x":{`, 1)))
	f.Add([]byte(`{"version":1,"segments":[{"recorded":0,"wall":4000000000000000000,"speed":0.01}],"key":"` + zeroKey + `"}`))
	f.Add([]byte(`{"version":1,"segments":[{"recorded":4000000000000000000,"wall":0,"speed":100},{"recorded":4000000000000000000,"wall":1,"speed":100}],"key":"` + zeroKey + `"}`))
	f.Add([]byte(`{"version":1,"held":1,"segments":[{"recorded":1,"wall":1,"speed":3}],"page":1,"box":4000000000000000000,"key":"` + zeroKey + `"}`))
	m := incident(12, time.Minute)
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<16 {
			return
		}
		path := filepath.Join(t.TempDir(), "c.json")
		do(t, os.WriteFile(path, b, 0o600))
		cp, err := replay.LoadCheckpoint(path)
		if err != nil {
			if cp != nil {
				t.Error("a checkpoint with an error")
			}
			return
		}
		r, err := replay.New(m, newBackends().sinks(), replay.Options{Resume: cp, Recording: cp.Recording, Checkpoint: path})
		if err != nil {
			return // done
		}
		for _, change := range []func() error{r.Pause, r.Resume, func() error { return r.SetSpeed(50) }, r.Pause, func() error { r.Stop(); return nil }} {
			before := r.Status()
			do(t, change())
			if after := r.Status(); after.Live < 0 || after.Left < 0 || after.Recorded.Before(before.Recorded) {
				t.Errorf("the clock went from %+v to %+v", before, after)
			}
			kept, err := replay.LoadCheckpoint(path)
			if err != nil && strings.Contains(err.Error(), "the clock has the time") {
				return // it went beyond the year 2096
			}
			if err != nil {
				t.Fatalf("what was written cannot be read: %v", err)
			}
			if again := mustNew(t, m, newBackends().sinks(), replay.Options{Resume: kept, Recording: cp.Recording}); !reflect.DeepEqual(again.Status().Page, r.Status().Page) {
				t.Errorf("the page was at %v and is at %v", r.Status().Page, again.Status().Page)
			}
		}
	})
}
