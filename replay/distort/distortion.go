package distort

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"firedrill/replay"
	"firedrill/replay/recording"
)

// Kind names what a Distortion does.
type Kind string

// The kinds.
const (
	TraceSampling      Kind = "trace-sampling"         // keeps a share of the traces
	SpansMissing       Kind = "spans-missing"          // loses spans; their children keep their parent id
	BrokenPropagation  Kind = "broken-propagation"     // a service, and what it calls, begin traces of their own
	LogLoss            Kind = "log-loss"               // loses a share of the lines
	LogRateLimit       Kind = "log-rate-limit"         // keeps so many lines of a stream a second
	LogsWithoutTraceID Kind = "logs-without-trace-ids" // removes trace and span ids from metadata and lines
	TruncatedLines     Kind = "truncated-lines"        // cuts long lines
	ScrapeGap          Kind = "scrape-gap"             // targets, or Prometheus itself, are down
	MissedScrapes      Kind = "missed-scrapes"         // loses a share of single scrapes
	IngestionLag       Kind = "ingestion-lag"          // delivers a signal late
	ClockSkew          Kind = "clock-skew"             // stamps lines and spans with a clock that is wrong
	DecoyAlert         Kind = "decoy-alert"            // adds an alert that is not about the incident
)

// Distortion is one declared loss, delay or change of evidence. Which fields a kind takes, and which it
// needs, is in docs/distortions.md; any other must be left out.
type Distortion struct {
	Kind Kind `yaml:"kind" json:"kind"`

	// From and To bound the recorded time in which it applies, as durations from the recording's start. From is
	// inclusive, To exclusive; without To it applies until the end.
	From Duration `yaml:"from,omitempty" json:"from,omitzero"`
	To   Duration `yaml:"to,omitempty" json:"to,omitzero"`

	// Service, Pod, Host and Job select series, streams and spans by their labels and resource attributes. All
	// that are given must match, exactly; without any, everything does.
	Service string `yaml:"service,omitempty" json:"service,omitempty"`
	Pod     string `yaml:"pod,omitempty" json:"pod,omitempty"`
	Host    string `yaml:"host,omitempty" json:"host,omitempty"`
	Job     string `yaml:"job,omitempty" json:"job,omitempty"`

	// Keep is the share of traces that trace-sampling keeps, above 0 and below 1.
	Keep float64 `yaml:"keep,omitempty" json:"keep,omitempty"`
	// Share is the share of lines that are lost or truncated, or of scrapes that are missed: above 0, at most 1.
	Share float64 `yaml:"share,omitempty" json:"share,omitempty"`
	// Rate is how many lines of each stream log-rate-limit lets through in a second.
	Rate int `yaml:"rate,omitempty" json:"rate,omitempty"`
	// MaxBytes is where truncated-lines cuts.
	MaxBytes int `yaml:"max_bytes,omitempty" json:"max_bytes,omitempty"`
	// Signal is what ingestion-lag delays: metrics, logs or traces.
	Signal replay.Signal `yaml:"signal,omitempty" json:"signal,omitempty"`
	// Delay and Jitter are what ingestion-lag delays by: always Delay, and up to Jitter more.
	Delay  Duration `yaml:"delay,omitempty" json:"delay,omitzero"`
	Jitter Duration `yaml:"jitter,omitempty" json:"jitter,omitzero"`
	// Skew is how far ahead the clock is in clock-skew; negative where it is behind.
	Skew Duration `yaml:"skew,omitempty" json:"skew,omitzero"`
	// Downstream names the services that Service calls, directly or not, for broken-propagation: they
	// follow it into the new traces.
	Downstream []string `yaml:"downstream,omitempty" json:"downstream,omitempty"`
	// Alert is the name of a decoy-alert, Labels its other labels, and Interval how often its rule is evaluated;
	// 0 means 15 s.
	Alert    string            `yaml:"alert,omitempty" json:"alert,omitempty"`
	Labels   map[string]string `yaml:"labels,omitempty" json:"labels,omitempty"`
	Interval Duration          `yaml:"interval,omitempty" json:"interval,omitzero"`
}

// Duration is a time.Duration that is written as in Go: 90s, 1h30m, -250ms.
type Duration time.Duration

// MarshalText writes the duration.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads what time.ParseDuration reads.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil {
		return fmt.Errorf("%q: expected a duration such as 90s or 45m", b)
	}
	*d = Duration(v)
	return nil
}

func (d Duration) String() string { return time.Duration(d).String() }

const (
	// maxDelay bounds Delay and Jitter together, and Skew either way: what is held back is in memory.
	maxDelay = Duration(10 * time.Minute)
	// minBytes leaves the beginning of a line, where its time and level are.
	minBytes = 64
)

// Validate tells what is missing, unknown or out of range. It knows one Distortion alone; [New] checks
// them together.
func (d *Distortion) Validate() error {
	takes, ok := fields[d.Kind]
	if !ok {
		return fmt.Errorf("kind %q is not known: expected one of %s", d.Kind, strings.Join(Kinds(), ", "))
	}
	if err := d.check(takes); err != nil {
		return fmt.Errorf("%s: %w", d.Kind, err)
	}
	return nil
}

// Kinds lists the names of all kinds in alphabetical order.
func Kinds() []string {
	var names []string
	for k := range fields {
		names = append(names, string(k))
	}
	slices.Sort(names)
	return names
}

// use says whether a kind takes a field.
type use struct{ needs, may []string }

var selectors = []string{"service", "pod", "host", "job"}

// fields of each kind, besides from and to, which all take.
var fields = map[Kind]use{
	TraceSampling:      {needs: []string{"keep"}},
	SpansMissing:       {may: selectors},
	BrokenPropagation:  {needs: []string{"service"}, may: []string{"downstream"}},
	LogLoss:            {needs: []string{"share"}, may: selectors},
	LogRateLimit:       {needs: []string{"rate"}, may: selectors},
	LogsWithoutTraceID: {may: selectors},
	TruncatedLines:     {needs: []string{"max_bytes"}, may: append([]string{"share"}, selectors...)},
	ScrapeGap:          {needs: []string{"to"}, may: selectors},
	MissedScrapes:      {needs: []string{"share"}, may: selectors},
	IngestionLag:       {needs: []string{"signal"}, may: append([]string{"delay", "jitter"}, selectors...)},
	ClockSkew:          {needs: []string{"skew"}, may: selectors},
	DecoyAlert:         {needs: []string{"alert"}, may: []string{"labels", "interval"}},
}

// given lists the names of the fields that are set, in order.
func (d *Distortion) given() []string {
	var names []string
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"service", d.Service != ""}, {"pod", d.Pod != ""}, {"host", d.Host != ""}, {"job", d.Job != ""},
		{"keep", d.Keep != 0}, {"share", d.Share != 0}, {"rate", d.Rate != 0}, {"max_bytes", d.MaxBytes != 0},
		{"signal", d.Signal != ""}, {"delay", d.Delay != 0}, {"jitter", d.Jitter != 0}, {"skew", d.Skew != 0},
		{"downstream", d.Downstream != nil}, {"alert", d.Alert != ""}, {"labels", d.Labels != nil}, {"interval", d.Interval != 0},
		{"to", d.To != 0},
	} {
		if f.set {
			names = append(names, f.name)
		}
	}
	return names
}

func (d *Distortion) check(takes use) error {
	given := d.given()
	for _, name := range takes.needs {
		if !slices.Contains(given, name) {
			return fmt.Errorf("%s is missing", name)
		}
	}
	for _, name := range given {
		if name != "to" && !slices.Contains(takes.needs, name) && !slices.Contains(takes.may, name) {
			return fmt.Errorf("%s does not belong here", name)
		}
	}
	switch {
	case d.From < 0 || d.To != 0 && d.To <= d.From:
		return fmt.Errorf("it applies from %v to %v, which is no stretch of time after the recording's start", d.From, d.To)
	case d.Keep != 0 && !(d.Keep > 0 && d.Keep < 1):
		return fmt.Errorf("keep is %v, expected more than 0 and less than 1", d.Keep)
	case d.Share != 0 && !(d.Share > 0 && d.Share <= 1):
		return fmt.Errorf("share is %v, expected more than 0 and at most 1", d.Share)
	case d.Rate < 0:
		return fmt.Errorf("rate is %d, expected at least 1", d.Rate)
	case d.MaxBytes != 0 && (d.MaxBytes < minBytes || d.MaxBytes > math.MaxInt32):
		return fmt.Errorf("max_bytes is %d, expected at least %d", d.MaxBytes, minBytes)
	case d.Signal != "" && d.Signal != replay.Metrics && d.Signal != replay.Logs && d.Signal != replay.Traces:
		return fmt.Errorf("signal is %q, expected metrics, logs or traces", d.Signal)
	case d.Kind == IngestionLag && (min(d.Delay, d.Jitter) < 0 || max(d.Delay, d.Jitter) > maxDelay || d.Delay+d.Jitter == 0 || d.Delay+d.Jitter > maxDelay):
		return fmt.Errorf("delay is %v and jitter %v, expected more than 0 and at most %v together", d.Delay, d.Jitter, maxDelay)
	case d.Skew > maxDelay || d.Skew < -maxDelay:
		return fmt.Errorf("skew is %v, expected at most %v either way", d.Skew, maxDelay)
	case slices.Contains(d.Downstream, ""):
		return errors.New("downstream names a service without a name")
	case d.Interval != 0 && d.Interval < Duration(time.Second):
		return fmt.Errorf("interval is %v, expected at least 1s", d.Interval)
	}
	return checkLabels(d.Labels)
}

// checkLabels refuses what cannot be a label of an alert.
func checkLabels(ls map[string]string) error {
	for name, v := range ls {
		switch {
		case name == model.MetricNameLabel || name == model.AlertNameLabel || name == "alertstate", name == recording.SessionLabel:
			return fmt.Errorf("labels: %s is not the scenario's to set", name)
		case !model.LabelName(name).IsValidLegacy() || strings.HasPrefix(name, model.ReservedLabelPrefix):
			return fmt.Errorf("labels: %q is no name of a label", name)
		case v == "":
			return fmt.Errorf("labels: %s has no value", name)
		}
	}
	return nil
}
