package challenge

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"
)

// Markdown writes the debrief for people to read and keep. Times are UTC. What people wrote is quoted, and cannot become markup.
func (d *Debrief) Markdown(w io.Writer) error {
	b := &report{w: bufio.NewWriter(w), d: d}
	b.head()
	b.answer()
	b.timeline()
	b.board()
	for i := range d.Players {
		b.player(&d.Players[i])
	}
	return b.w.Flush()
}

// report writes a debrief. The Writer keeps the first error until Flush.
type report struct {
	w *bufio.Writer
	d *Debrief
}

func (b *report) printf(format string, args ...any) { fmt.Fprintf(b.w, format, args...) }

func (b *report) head() {
	v := &b.d.Session
	b.printf("# Debrief: %s\n\n", escape(v.Title))
	b.printf("Scenario %s, difficulty %s, session %s. ", v.Scenario, v.Difficulty, v.ID)
	if !b.d.Briefing.Page.IsZero() {
		b.printf("The page came at %s, the time box was %s. ", clockTime(b.d.Briefing.Page), span(v.Timebox))
	}
	b.printf("It ended at %s: %s\n\n", clockTime(v.EndedAt), escape(strings.ToLower(endText(v)[:1])+endText(v)[1:]))
}

func (b *report) answer() {
	e, v := &b.d.Explanation, &b.d.Session
	b.printf("## What happened\n\n")
	if e.NothingBroken {
		b.printf("Nothing was broken.\n\n")
	}
	for _, f := range e.Faults {
		b.printf("- **%s**: %s (`%s`)", f.Component, escape(f.CauseTitle), f.Cause)
		if at := v.wall(f.Onset); !v.PageAt.IsZero() && !at.IsZero() {
			b.printf(", since %s", clockTime(at))
		}
		if len(f.Aliases) > 0 {
			b.printf("; %s is as right", strings.Join(f.Aliases, ", "))
		}
		if !f.Explains {
			b.printf("; a coincidence, which does not explain the page")
		}
		b.printf("\n")
	}
	b.printf("\n%s\n\n## From the cause to the page\n\n", strings.TrimSpace(e.Text))
	for i, step := range e.Chain {
		b.printf("%d. %s\n", i+1, step)
	}
	if len(e.Decoys) > 0 {
		b.printf("\n## What only looked guilty\n\n")
	}
	for _, x := range e.Decoys {
		b.printf("- **%s**: %s *%s*\n", x.Component, x.Signal, x.WhyWrong)
	}
	b.printf("\n## The golden path\n\n")
	for i, step := range e.GoldenPath {
		b.printf("%d. %s (%s)\n\n       %s\n\n   %s\n", i+1, step.Title, step.Datasource, oneLine(step.Query), step.Shows)
	}
}

func (b *report) timeline() {
	b.printf("\n## Timeline\n\n| time | what | |\n|---|---|---|\n")
	for _, e := range b.d.Events {
		what := e.Title
		if e.Service != "" {
			what += ", " + e.Service
		}
		text := e.Text
		if e.Author != "" {
			text += " (" + e.Author + ")"
		}
		b.printf("| %s | %s | %s |\n", clockTime(e.At), escape(what), escape(strings.TrimSpace(text)))
	}
}

func (b *report) board() {
	b.printf("\n## Leaderboard\n\n| | player | right | after | wrong | penalty | total |\n|---|---|---|---|---|---|---|\n")
	for _, r := range b.d.Ranks {
		right, total := "no", ""
		if r.Correct {
			right, total = "yes", span(r.Total)
		}
		b.printf("| %d | %s | %s | %s | %d | %s | %s |\n", r.Rank, escape(r.Player), right, span(r.Elapsed), r.Wrong, span(r.Penalty), total)
	}
}

func (b *report) player(p *PlayerDebrief) {
	b.printf("\n## %s\n\n", escape(p.Player))
	if p.FirstLook != nil {
		b.printf("First looked at the guilty component after %s. ", span(*p.FirstLook))
	} else {
		b.printf("Never asked for the guilty component by name. ")
	}
	b.printf("Asked %d times:", p.TrailSize)
	for _, name := range []Backend{PrometheusBackend, LokiBackend, JaegerBackend} {
		b.printf(" %s %d", name, p.Backends[name])
	}
	b.printf(". Came close to %d of %d steps of the golden path.\n", count(p.Golden), len(p.Golden))
	if len(p.Submissions) > 0 {
		b.printf("\n### Suspects\n\n")
	}
	for i := range p.Submissions {
		b.submission(&p.Submissions[i])
	}
	if len(p.Hypotheses) > 0 {
		b.printf("\n### Hypotheses\n\n")
	}
	for _, h := range p.Hypotheses {
		b.printf("- %s %s", b.elapsed(h.At), escape(h.Text))
		for _, c := range h.Changes[min(1, len(h.Changes)):] {
			b.printf("; %s %s", b.elapsed(c.At), c.Status)
		}
		b.printf("\n")
	}
	if len(p.Trail) > 0 {
		b.printf("\n### Trail\n\n")
	}
	for _, e := range p.Trail {
		b.printf("- %s %s %s: %s\n", b.elapsed(e.At), e.Backend, escape(e.Endpoint), code(e.Query))
	}
	if more := p.TrailSize - len(p.Trail); more > 0 {
		b.printf("- and %d more\n", more)
	}
}

func (b *report) submission(j *JudgedSubmission) {
	right := "wrong"
	if j.Verdict.Correct {
		right = "right"
	}
	b.printf("- %s **%s**", span(j.Submission.Elapsed), right)
	if j.Submission.NothingBroken {
		b.printf(": nothing is broken")
	}
	for _, x := range j.Verdict.Suspects {
		b.printf("; %s, %s: %s", x.Component, x.Cause, strings.ReplaceAll(string(x.Match), "_", " "))
		switch off := x.OnsetOff; {
		case off == nil:
		case x.OnsetRight:
			b.printf(", onset right")
		case *off < 0:
			b.printf(", onset %s too early", span(-*off))
		default:
			b.printf(", onset %s too late", span(*off))
		}
	}
	if j.Verdict.Missing > 0 {
		b.printf("; %d not named", j.Verdict.Missing)
	}
	if j.Submission.Reasoning != "" {
		b.printf("; “%s”", escape(j.Submission.Reasoning))
	}
	b.printf("\n")
}

// elapsed is a wall time on the session's clock.
func (b *report) elapsed(at time.Time) string { return span(b.d.Session.Clock.Elapsed(at)) }

func count(list []bool) int {
	n := 0
	for _, v := range list {
		if v {
			n++
		}
	}
	return n
}

// clockTime writes a moment in UTC.
func clockTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

// span writes a duration in whole seconds as 1h02m03s, without hours when there are none.
func span(d time.Duration) string {
	s := int64(d.Round(time.Second) / time.Second)
	if s >= 3600 {
		return fmt.Sprintf("%dh%02dm%02ds", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%dm%02ds", s/60, s%60)
}

// oneLine joins the lines of a text.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// escape writes what people wrote as one line of Markdown that is text and nothing else.
func escape(s string) string { return markup.Replace(oneLine(s)) }

// code writes a query as code, between more backticks than it has in a row.
func code(s string) string {
	s = oneLine(s)
	if s == "" {
		return ""
	}
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	if len(fence) > 1 {
		s = " " + s + " "
	}
	return fence + s + fence
}

var markup = strings.NewReplacer(`\`, `\\`, "`", "\\`", `*`, `\*`, `_`, `\_`, `[`, `\[`, `]`, `\]`, `<`, `&lt;`, `>`, `&gt;`, `&`, `&amp;`, `#`, `\#`, `|`, `\|`, `~`, `\~`, `!`, `\!`)
