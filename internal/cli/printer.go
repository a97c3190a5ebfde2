package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"firedrill/replay"
)

// printer shows how a session goes. Its methods may be called concurrently.
//
// JSON goes to standard output, one event a line. As text, results (proofs, addresses) go to standard
// output, and what passes (progress, status) to standard error: a bar and a line that is drawn over
// when it is a terminal, else a plain line now and then.
type printer interface {
	event(e any)
	status(st replay.Status)
	// interval is how often status wants to be called.
	interval() time.Duration
	// close ends what is being drawn.
	close()
}

// newPrinter returns the printer that the configuration asks for.
func (a *app) newPrinter() printer {
	switch {
	case a.config.json():
		return &jsonPrinter{out: a.Stdout}
	case a.StderrTerminal:
		return &textPrinter{out: a.Stdout, passing: a.Stderr, terminal: true}
	}
	return &textPrinter{out: a.Stdout, passing: a.Stderr}
}

const plainInterval = 10 * time.Second

type jsonPrinter struct {
	mu    sync.Mutex
	out   io.Writer
	rates rates
}

func (p *jsonPrinter) event(e any) {
	line, err := json.Marshal(e)
	if err != nil {
		panic(err) // the events hold nothing that cannot be encoded
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	// Whoever read the events may be gone; the session goes on.
	_, _ = p.out.Write(append(line, '\n'))
}

func (p *jsonPrinter) status(st replay.Status) {
	p.mu.Lock()
	e := p.rates.next(time.Now(), st)
	p.mu.Unlock()
	p.event(e)
}

func (p *jsonPrinter) interval() time.Duration { return plainInterval }
func (p *jsonPrinter) close()                  {}

type textPrinter struct {
	out, passing io.Writer
	terminal     bool

	mu    sync.Mutex
	rates rates
	total int64 // items that are likely to be loaded
	bars  *mpb.Progress
	bar   *mpb.Bar
	drawn bool // a status line stands at the cursor
}

func (p *textPrinter) interval() time.Duration {
	if p.terminal {
		return 500 * time.Millisecond
	}
	return plainInterval
}

func (p *textPrinter) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
}

// clear ends the bar and wipes the status line. The caller holds mu.
func (p *textPrinter) clear() {
	if p.bar != nil {
		p.bar.Abort(true)
		p.bars.Wait()
		p.bar = nil
	}
	if p.drawn {
		fmt.Fprint(p.passing, "\r\x1b[K")
		p.drawn = false
	}
}

func (p *textPrinter) event(e any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	switch e := e.(type) {
	case loadingEvent:
		p.loading(e)
	case proofEvent:
		p.proof(e)
	case readyEvent:
		p.ready(e)
	case liveEvent:
		fmt.Fprintf(p.passing, "live, %s left\n", clock(e.Left))
	case endedEvent:
		fmt.Fprintf(p.passing, "ended after %s: %s\n", clock(e.Live), map[string]string{
			endedTimebox: "the time is up", endedRecording: "the recording has no more", endedSignal: "stopped", endedSolved: "solved",
		}[e.Reason])
	case tokenEvent:
		fmt.Fprintf(p.out, "%-12s token, shown this once: %s\n", e.Role, e.Token)
	case servingEvent:
		p.addresses(e.URLs)
	case noticeEvent:
		fmt.Fprintln(p.passing, strings.TrimSpace(fmt.Sprintf("%s %s %s", e.Server, e.Change, e.Error)))
	}
}

func (p *textPrinter) loading(e loadingEvent) {
	name := e.Scenario
	if e.title != "" {
		name = e.title
	}
	if name != "" {
		fmt.Fprintf(p.passing, "%s\n", name)
	}
	fmt.Fprintf(p.passing, "session %s: loading %s of history\n", e.Session, seconds(e.History))
	p.total = e.items
	if p.terminal && e.items > 0 {
		p.bars = mpb.New(mpb.WithOutput(p.passing), mpb.WithWidth(48))
		p.bar = p.bars.AddBar(e.items, mpb.PrependDecorators(decor.Name("loading ")),
			mpb.AppendDecorators(decor.Percentage(), decor.Name("  "), decor.CurrentNoUnit("%d"), decor.Name(" items")))
	}
}

func (p *textPrinter) proof(e proofEvent) {
	fmt.Fprintf(p.out, "\nproof of the %s, read back from the back ends\n", e.Of)
	t := tabwriter.NewWriter(p.out, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "SIGNAL\tREAD\tSENT\tSTORED\tDIFFERENCE\t")
	for _, s := range e.Signals {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t\n", s.Signal, s.Read, s.Sent, s.Stored, s.Difference)
	}
	_ = t.Flush() // as with all printing here: a reader that has gone does not end the session
	for _, s := range e.Signals {
		if s.Refused > 0 {
			fmt.Fprintf(p.out, "%s: %d refused, the last with: %s\n", s.Signal, s.Refused, s.Refusal)
		}
		if s.ExemplarsRead > 0 {
			fmt.Fprintf(p.out, "%s: with %d exemplars, of which %d are stored\n", s.Signal, s.ExemplarsRead, s.ExemplarsStored)
		}
		if s.MadeStale > 0 {
			fmt.Fprintf(p.out, "%s: besides, %d stale markers that end the session's series\n", s.Signal, s.MadeStale)
		}
	}
	fmt.Fprintln(p.out)
}

func (p *textPrinter) ready(e readyEvent) {
	p.addresses(e.URLs)
	if e.alert != "" {
		fmt.Fprintf(p.out, "\npage at %s: %s\n\n", e.Page.Local().Format("15:04:05"), e.alert)
	}
}

func (p *textPrinter) addresses(at urls) {
	for _, u := range []struct {
		name string
		url  *string
	}{{"grafana", at.Grafana}, {"prometheus", at.Prometheus}, {"loki", at.Loki}, {"jaeger", at.Jaeger}, {"firedrill", at.Server}, {"play at", at.Login}} {
		if u.url != nil {
			fmt.Fprintf(p.out, "%-11s %s\n", u.name, *u.url)
		}
	}
}

func (p *textPrinter) status(st replay.Status) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.rates.next(time.Now(), st)
	var read int64
	for _, s := range e.Signals {
		read += s.Read
	}
	switch {
	case st.Phase == replay.PhaseLoading && p.bar != nil:
		// The total is a guess: the bar is full only when the next event ends it.
		p.bar.SetCurrent(min(read, p.total-1))
	case st.Phase == replay.PhaseLoading && !p.terminal:
		fmt.Fprintf(p.passing, "loading: %d of about %d items\n", read, p.total)
	case st.Phase == replay.PhaseLive && p.terminal:
		fmt.Fprintf(p.passing, "\r\x1b[K%s", statusLine(e))
		p.drawn = true
	case st.Phase == replay.PhaseLive:
		fmt.Fprintln(p.passing, statusLine(e))
	}
}

// statusLine is a status in one line.
func statusLine(e statusEvent) string {
	var b strings.Builder
	left := clock(e.Left) + " left"
	if e.untilPage > 0 {
		left = "page in " + clock(e.untilPage.Seconds())
	}
	fmt.Fprintf(&b, "%s, late p99 %s", left, time.Duration(e.Late*float64(time.Second)).Round(time.Millisecond))
	for _, name := range []replay.Signal{replay.Metrics, replay.Logs, replay.Traces} {
		s, ok := e.Signals[string(name)]
		if !ok {
			continue
		}
		fmt.Fprintf(&b, ", %s %.0f/s", name, s.Rate)
		if s.Refused > 0 {
			fmt.Fprintf(&b, " (%d refused)", s.Refused)
		}
	}
	return b.String()
}

// clock writes seconds as a countdown: 9:05 or 1:00:00.
func clock(s float64) string {
	n := max(int64(s+0.5), 0)
	if n >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", n/3600, n/60%60, n%60)
	}
	return fmt.Sprintf("%d:%02d", n/60, n%60)
}

// seconds writes a length in the form of time.Duration, without zero units at its end.
func seconds(s float64) string {
	text := time.Duration(s * float64(time.Second)).Round(time.Second).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
