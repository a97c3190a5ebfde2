package distort

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"firedrill/replay"
)

// The presets.
const (
	Clean  = "clean"  // nothing is distorted
	Normal = "normal" // what the scenario declares
	Hard   = "hard"   // that twice as bad, and a standard set
)

// Presets lists the names of all presets, the easiest first.
func Presets() []string { return []string{Clean, Normal, Hard} }

// standard is what hard adds.
func standard() []Distortion {
	return []Distortion{
		{Kind: TraceSampling, Keep: 0.25},
		{Kind: LogLoss, Share: 0.05},
		{Kind: TruncatedLines, MaxBytes: 256},
		{Kind: MissedScrapes, Share: 0.05},
		{Kind: IngestionLag, Signal: replay.Logs, Delay: Duration(5 * time.Second), Jitter: Duration(10 * time.Second)},
		{Kind: IngestionLag, Signal: replay.Traces, Delay: Duration(10 * time.Second), Jitter: Duration(20 * time.Second)},
	}
}

// Preset returns the distortions of a difficulty for a scenario that declares some; a bare recording declares none.
// Of the standard set hard takes the kinds that the scenario does not declare itself, ingestion lag by signal.
func Preset(name string, declared []Distortion) ([]Distortion, error) {
	switch name {
	case Clean:
		return nil, nil
	case Normal:
		return slices.Clone(declared), nil
	case Hard:
	default:
		return nil, fmt.Errorf("difficulty %q is not known: expected one of %s", name, strings.Join(Presets(), ", "))
	}
	var spec []Distortion
	for _, d := range declared {
		spec = append(spec, harder(d))
	}
	for _, s := range standard() {
		if !slices.ContainsFunc(declared, func(d Distortion) bool { return d.Kind == s.Kind && d.Signal == s.Signal }) {
			spec = append(spec, s)
		}
	}
	return spec, nil
}

// harder doubles what can be doubled within limits. Where something happens and to whom stays.
func harder(d Distortion) Distortion {
	d.Keep /= 2
	d.Share = max(d.Share, min(2*d.Share, 0.5))
	if d.Rate > 0 {
		d.Rate = max(d.Rate/2, 1)
	}
	if d.MaxBytes > 0 {
		d.MaxBytes = max(d.MaxBytes/2, minBytes)
	}
	if d.Delay+d.Jitter <= maxDelay/2 {
		d.Delay, d.Jitter = 2*d.Delay, 2*d.Jitter
	}
	return d
}
