package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"firedrill/internal/httpapi/client"
	"firedrill/internal/httpapi/wire"
)

// submission is what the flags of submit say.
type submission struct {
	components, causes, onsets []string
	nothingBroken              bool
	reasoning                  string
}

func (a *app) submitCommand() *cobra.Command {
	var s submission
	cmd := a.clientCommand(&cobra.Command{
		Use:   "submit --component C --cause K [flags] | --nothing-broken [flags]",
		Short: "Submit suspects in the current session",
		Long: `Submit what a player believes to be the cause, in the session that was joined last. The answer is whether it is
right: the exit code is 0 then, and 1 when it is wrong. A wrong one costs time, and locks the player out for a while.
For several faults, give --component and --cause several times, in the same order.`,
		Example: `  firedrill submit --component payment --cause slow-dependency --onset 2026-11-24T12:00:00Z
  firedrill submit --nothing-broken`,
		Args: args(0, 0, ""),
	}, func(ctx context.Context, c *client.Client, _ []string) error {
		body, err := s.body()
		if err != nil {
			return err
		}
		current, err := client.GetAs[wire.Session](ctx, c, "/me/session")
		if err != nil {
			return err
		}
		b, err := c.Post(ctx, sub("sessions", current.ID, "/suspects"), body)
		if err != nil {
			return err
		}
		return a.printSubmission(b)
	})
	cmd.Flags().StringArrayVar(&s.components, "component", nil, "`COMPONENT` that is at fault, one of the briefing's")
	cmd.Flags().StringArrayVar(&s.causes, "cause", nil, "`CAUSE`: what is wrong with it, the id of one of the briefing's")
	cmd.Flags().StringArrayVar(&s.onsets, "onset", nil, "`TIME` at which it began, RFC 3339; for the debrief, may be left out")
	cmd.Flags().StringVar(&s.reasoning, "reasoning", "", "`TEXT` for the debrief; it decides nothing")
	cmd.Flags().BoolVar(&s.nothingBroken, "nothing-broken", false, "that no user is served worse")
	return cmd
}

// body is the submission as it is sent.
func (s *submission) body() (wire.NewSubmission, error) {
	n := wire.NewSubmission{NothingBroken: s.nothingBroken, Reasoning: s.reasoning}
	switch {
	case s.nothingBroken && len(s.components)+len(s.causes)+len(s.onsets) > 0:
		return n, usagef("either --nothing-broken, or --component and --cause")
	case !s.nothingBroken && len(s.components) == 0:
		return n, usagef("missing flag --component, with --cause; or --nothing-broken")
	case len(s.components) != len(s.causes):
		return n, usagef("each --component needs its --cause: there are %d and %d", len(s.components), len(s.causes))
	case len(s.onsets) > len(s.components):
		return n, usagef("there are more --onset than --component")
	}
	for i, component := range s.components {
		x := wire.Suspect{Component: component, Cause: s.causes[i]}
		if i < len(s.onsets) {
			at, err := time.Parse(time.RFC3339Nano, s.onsets[i])
			if err != nil {
				return n, usagef("onset %q: expected a time such as 2026-11-24T12:00:00Z", s.onsets[i])
			}
			x.Onset = wire.At(at)
		}
		n.Suspects = append(n.Suspects, x)
	}
	return n, nil
}

// printSubmission says whether a submission is right; a wrong one is an error.
func (a *app) printSubmission(b []byte) error {
	var s wire.Submission
	err := show(a, b, func(v wire.Submission) error {
		text := "right, after %s\n"
		if !v.Correct {
			text = "wrong, after %s\n"
		}
		_, err := fmt.Fprintf(a.Stdout, text, clock(float64(v.Elapsed)))
		return err
	})
	if err == nil {
		s, err = client.Decode[wire.Submission](b)
	}
	if err != nil || s.Correct {
		return err
	}
	hint := fmt.Sprintf("it costs %s; submit again in %s", seconds(float64(s.Penalty)), seconds(float64(s.LockedFor)))
	return fail(exitFailed, errors.New("this does not explain the page"), hint)
}
