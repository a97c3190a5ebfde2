package cli

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"firedrill/replay/recording"
)

func (a *app) inspectCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "inspect RECORDING [-o text|json]",
		Short: "Print what a recording holds",
		Long: `Read a whole recording and print its span of time, how much it holds of each signal, the largest
metrics, log streams and services, and stretches of five minutes and more without anything.`,
		Example: `  firedrill inspect recording/
  firedrill inspect recording/ -o json`,
		Args: args(1, 1, "one recording"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := a.untilSignal(cmd.Context())
			defer stop()
			s, err := recording.Inspect(ctx, args[0])
			if err != nil {
				return a.readError(ctx, err)
			}
			if a.config.json() {
				return writeJSON(a.Stdout, s)
			}
			return printSummary(a.Stdout, s)
		},
	}
	addFlags(cmd.Flags(), keysIn("output"))
	return cmd
}

// untilSignal returns a context for a command that has nothing to finish: the first signal ends it.
func (a *app) untilSignal(parent context.Context) (ctx context.Context, stop func()) {
	ctx, in := a.catch(parent)
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-in.drain:
			cancel(in.err(""))
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		cancel(nil)
		in.stop()
	}
}

// readError is the error of a command that reads: a signal's when one ended it, else one of the input.
func (a *app) readError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return fail(exitInput, err, "")
}

func printSummary(out io.Writer, s recording.Summary) error {
	if s.Start.IsZero() {
		_, err := fmt.Fprintln(out, "the recording is empty")
		return err
	}
	if s.Source != "" {
		fmt.Fprintf(out, "source  %s\n", s.Source)
	}
	fmt.Fprintf(out, "from    %s\nto      %s (%s)\n\n", stamp(s.Start), stamp(s.End), seconds(s.End.Sub(s.Start).Seconds()))
	fmt.Fprintf(out, "metrics  %d samples in %d series, %d exemplars\n", s.Metrics.Samples, s.Metrics.Series, s.Metrics.Exemplars)
	fmt.Fprintf(out, "logs     %d lines in %d streams\n", s.Logs.Lines, s.Logs.Streams)
	fmt.Fprintf(out, "traces   %d spans in %d traces\n", s.Traces.Spans, s.Traces.Traces)

	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if len(s.Metrics.Top) > 0 {
		fmt.Fprintln(t, "\nMETRIC\tSERIES\tSAMPLES")
		for _, m := range s.Metrics.Top {
			fmt.Fprintf(t, "%s\t%d\t%d\n", m.Name, m.Series, m.Samples)
		}
	}
	if len(s.Logs.Top) > 0 {
		fmt.Fprintln(t, "\nSTREAM\tLINES")
		for _, l := range s.Logs.Top {
			fmt.Fprintf(t, "%s\t%d\n", l.Labels, l.Lines)
		}
	}
	if len(s.Traces.Top) > 0 {
		fmt.Fprintln(t, "\nSERVICE\tSPANS")
		for _, v := range s.Traces.Top {
			name := v.Service
			if name == "" {
				name = "(without service.name)"
			}
			fmt.Fprintf(t, "%s\t%d\n", name, v.Spans)
		}
	}
	if len(s.Metrics.Gaps)+len(s.Logs.Gaps)+len(s.Traces.Gaps) > 0 {
		fmt.Fprintln(t, "\nGAP IN\tFROM\tTO\tLENGTH")
		printGaps(t, "metrics", s.Metrics.Gaps)
		printGaps(t, "logs", s.Logs.Gaps)
		printGaps(t, "traces", s.Traces.Gaps)
	}
	return t.Flush()
}

func printGaps(w io.Writer, signal string, gaps []recording.Gap) {
	for _, g := range gaps {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", signal, stamp(g.From), stamp(g.To), seconds(g.To.Sub(g.From).Seconds()))
	}
}
