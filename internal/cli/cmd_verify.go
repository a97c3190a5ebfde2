package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"firedrill/replay/recording"
)

func (a *app) verifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify RECORDING [-o text|json]",
		Short: "Check that a recording is sound",
		Long: `Read everything in a recording and print one line for each problem: checksums, order, counts and
times that differ from the manifest, overlapping blocks, invalid labels. Notes, such as a trace id in a log
line without its trace, do not make a recording unsound. The exit code is 0 when it is sound, else 1.`,
		Example: `  firedrill verify recording/
  firedrill verify recording/ -o json`,
		Args: args(1, 1, "one recording"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := a.untilSignal(cmd.Context())
			defer stop()
			problems, err := recording.Verify(ctx, args[0])
			if err != nil && ctx.Err() != nil {
				return a.readError(ctx, err)
			}
			if err != nil {
				return fail(exitFailed, err, "")
			}
			return a.printProblems(args[0], problems)
		},
	}
	addFlags(cmd.Flags(), keysIn("output"))
	return cmd
}

// printProblems prints what Verify found; the error says that something is broken.
func (a *app) printProblems(dir string, problems []recording.Problem) error {
	broken := 0
	for _, p := range problems {
		if p.Severity == recording.Broken {
			broken++
		}
	}
	if a.config.json() {
		if problems == nil {
			problems = []recording.Problem{}
		}
		if err := writeJSON(a.Stdout, struct {
			Sound    bool                `json:"sound"`
			Problems []recording.Problem `json:"problems"`
		}{broken == 0, problems}); err != nil {
			return err
		}
	} else {
		for _, p := range problems {
			fmt.Fprintln(a.Stdout, p)
		}
		if broken == 0 {
			fmt.Fprintf(a.Stdout, "%s is sound\n", dir)
		}
	}
	if broken > 0 {
		return fail(exitFailed, fmt.Errorf("%s is not sound: %d broken", dir, broken), "")
	}
	return nil
}
