package cli

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"firedrill/replay/convert"
)

func (a *app) importCommand() *cobra.Command {
	var out string
	var formats strings.Builder
	for _, f := range convert.Formats() {
		fmt.Fprintf(&formats, "  %-12s %s\n", f.Name, f.Summary)
	}
	cmd := &cobra.Command{
		Use:   "import FORMAT PATH... --out RECORDING",
		Short: "Make a recording of telemetry in another format",
		Long: `Read telemetry in another format and write it as a recording, a new folder. Names, units and
identities become those that Kubernetes, Prometheus and OpenTelemetry use; rows that are equal in
everything are kept once. When anything is wrong with the input, nothing is written.

Formats:
` + strings.TrimRight(formats.String(), "\n"),
		Example: `  firedrill import jaeger-json traces.json --out recording/
  firedrill import tsdb /var/lib/prometheus --out recording/
  firedrill import nezha 2023-01-30/ --out recording/ -o json`,
		Args: args(2, -1, "a format and at least one path"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if out == "" {
				return usagef("missing flag --out RECORDING")
			}
			return a.importPaths(cmd.Context(), args[0], args[1:], out)
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "the recording's `FOLDER`, which must not exist")
	addFlags(cmd.Flags(), keysIn("output"))
	return cmd
}

func (a *app) importPaths(ctx context.Context, format string, paths []string, out string) error {
	var names []string
	for _, f := range convert.Formats() {
		names = append(names, f.Name)
	}
	if !slices.Contains(names, format) {
		hint := "formats: " + strings.Join(names, ", ")
		if near := nearest(format, names); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return fail(exitUsage, fmt.Errorf("unknown format %q", format), hint)
	}
	if _, err := os.Lstat(out); err == nil {
		return fail(exitUsage, fmt.Errorf("%s exists already", out), "choose another --out, or remove it")
	}
	ctx, stop := a.untilSignal(ctx)
	defer stop()
	progress, done := a.importProgress()
	var log *slog.Logger
	if a.log.Enabled(ctx, slog.LevelInfo) { // what it hears of is counted in the result anyway
		log = a.log
	}
	stats, err := convert.Import(ctx, format, paths, out, convert.Options{Progress: progress, Log: log, CreatedBy: "firedrill " + readVersion().Version})
	done()
	if err != nil {
		return a.readError(ctx, err)
	}
	return a.printImport(stats, out)
}

// importProgress draws a bar on a terminal; done ends it.
func (a *app) importProgress() (progress func(done, total int64), done func()) {
	if !a.StderrTerminal || a.config.json() {
		return nil, func() {}
	}
	bars := mpb.New(mpb.WithOutput(a.Stderr), mpb.WithWidth(48))
	bar := bars.AddBar(0, mpb.PrependDecorators(decor.Name("importing ")), mpb.AppendDecorators(decor.CountersKibiByte("% .1f / % .1f")))
	return func(done, total int64) {
			bar.SetTotal(total, false)
			bar.SetCurrent(done)
		}, func() {
			bar.Abort(true)
			bars.Wait()
		}
}

func (a *app) printImport(stats convert.Stats, out string) error {
	if a.config.json() {
		return writeJSON(a.Stdout, struct {
			Recording string `json:"recording"`
			convert.Stats
		}{out, stats})
	}
	fmt.Fprintf(a.Stdout, "%s: %d samples in %d series, %d exemplars, %d log lines in %d streams, %d spans in %d traces\n", out,
		stats.Kept.Metrics.Samples, stats.Kept.Metrics.Series, stats.Kept.Metrics.Exemplars,
		stats.Kept.Logs.Lines, stats.Kept.Logs.Streams, stats.Kept.Traces.Spans, stats.Kept.Traces.Traces)
	c := stats.Changed
	for _, t := range append([]convert.Tally{
		{Reason: "exact duplicates", Count: c.DuplicateSamples + c.DuplicateExemplars + c.DuplicateLines + c.DuplicateSpans},
		{Reason: "samples and spans that contradict an earlier one", Count: c.ConflictingSamples + c.ConflictingSpans},
	}, stats.Skipped...) {
		if t.Count == 0 {
			continue
		}
		fmt.Fprintf(a.Stdout, "left out: %d, %s\n", t.Count, t.Reason)
	}
	for _, t := range stats.Odd {
		fmt.Fprintf(a.Stdout, "odd: %d, %s\n", t.Count, t.Reason)
	}
	return nil
}
