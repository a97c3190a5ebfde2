package web

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"firedrill/scenarios"
)

func TestParseDiagram(t *testing.T) {
	got := parseDiagram(`flowchart LR
    %% a comment
    users --> edge[Envoy at the border] & api
    api -->|reads| cache[(cache)] --> db[("a db")]; db -.-> mail{{mail}}
    subgraph kafka-cluster [Kafka]
      events[/events/] --- kafka
    end
    api == writes ==> events
    style api fill:#fff
`)
	want := diagram{
		Nodes: []node{{"users", "people"}, {"edge", "service"}, {"api", "service"}, {"cache", "store"}, {"db", "store"}, {"mail", "outside"}, {"events", "queue"}, {"kafka", "service"}},
		Edges: []edge{{"users", "edge", false}, {"users", "api", false}, {"api", "cache", false}, {"cache", "db", false}, {"db", "mail", false}, {"events", "kafka", true}, {"api", "events", false}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestDraw draws the architecture of every scenario: all of it, nothing over anything else, and arrows down.
func TestDraw(t *testing.T) {
	library, err := scenarios.Open("")
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range library.IDs() {
		s, err := library.Load(id)
		if err != nil {
			t.Fatal(err)
		}
		d := parseDiagram(s.Diagram)
		if len(d.Nodes) < 5 || len(d.Edges) < 5 {
			t.Errorf("%s has %d nodes and %d edges", id, len(d.Nodes), len(d.Edges))
		}
		checkDrawing(t, id, d)
	}
	checkDrawing(t, "a circle", parseDiagram("flowchart LR\na --> b --> c --> a\nc --> c\nb --> d"))
	if draw(diagram{}) != nil {
		t.Error("nothing is drawn")
	}
	var huge strings.Builder
	huge.WriteString("flowchart LR\n")
	for i := range maxNodes + 1 {
		huge.WriteString("n" + string(rune('a'+i%26)) + strings.Repeat("x", i) + " --> end-of-it\n")
	}
	if draw(parseDiagram(huge.String())) != nil {
		t.Error("too much is drawn")
	}
}

func checkDrawing(t *testing.T, id string, d diagram) {
	t.Helper()
	g := draw(d)
	if len(g.Boxes) != len(d.Nodes) || len(g.Lines) != len(d.Edges) {
		t.Errorf("%s: %d boxes for %d nodes, %d lines for %d edges", id, len(g.Boxes), len(d.Nodes), len(g.Lines), len(d.Edges))
	}
	for i, a := range g.Boxes {
		if a.X-a.W/2 < 0 || a.X+a.W/2 > g.Width || a.Y-boxHeight/2 < 0 || a.Y+boxHeight/2 > g.Height {
			t.Errorf("%s: %s is outside", id, a.ID)
		}
		for _, b := range g.Boxes[:i] {
			if a.Y == b.Y && max(a.X, b.X)-min(a.X, b.X) < (a.W+b.W)/2 {
				t.Errorf("%s: %s is over %s", id, a.ID, b.ID)
			}
		}
	}
	for _, l := range g.Lines {
		if strings.Contains(l.Path, "NaN") || !strings.HasPrefix(l.Path, "M") {
			t.Errorf("%s: a line is %q", id, l.Path)
		}
	}
}

func TestReadOnset(t *testing.T) {
	now := time.Date(2026, 3, 17, 0, 30, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"":                          "0001-01-01T00:00:00Z",
		"00:10":                     "2026-03-17T00:10:00Z",
		" 00:30:00 UTC":             "2026-03-17T00:30:00Z",
		"23:50":                     "2026-03-16T23:50:00Z", // yesterday: it has not been so late today
		"2026-03-16 23:50:05":       "2026-03-16T23:50:05Z",
		"2026-03-17T00:10:00+01:00": "2026-03-16T23:10:00Z",
	} {
		got, err := readOnset(text, now)
		if err != nil || got.Format(time.RFC3339) != want {
			t.Errorf("readOnset(%q) = %s, %v, want %s", text, got.Format(time.RFC3339), err, want)
		}
	}
	for _, text := range []string{"noon", "25:00", "10:5", "2026-03-17", "-5m"} {
		if got, err := readOnset(text, now); err == nil {
			t.Errorf("readOnset(%q) = %s, want an error", text, got)
		}
	}
}

func TestMarkdown(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"# Big", "<h3>Big</h3>\n"},
		{"a <script>x</script> <b>b</b>", "<p>a <!-- raw HTML omitted -->x<!-- raw HTML omitted --> <!-- raw HTML omitted -->b<!-- raw HTML omitted --></p>\n"},
		{"[l](https://x.example)", `<p><a href="https://x.example" rel="noopener noreferrer nofollow">l</a></p>` + "\n"},
		{"[l](javascript:alert(1)) [d](data:text/html,x)", `<p><a href="">l</a> <a href="">d</a></p>` + "\n"},
		{"![alt *text*](https://x.example/p.png)", `<p><a href="https://x.example/p.png" rel="noopener noreferrer nofollow">alt <em>text</em></a></p>` + "\n"},
		{"![alt](vbscript:x)", `<p><a href="">alt</a></p>` + "\n"},
		{"|a|\n|-:|\n|1|", "<table>\n<thead>\n<tr>\n<th>a</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td>1</td>\n</tr>\n</tbody>\n</table>\n"},
	} {
		if got := string(markdown(c.text)); got != c.want {
			t.Errorf("markdown(%q)\n got %q\nwant %q", c.text, got, c.want)
		}
	}
}
