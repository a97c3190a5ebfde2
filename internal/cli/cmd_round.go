package cli

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"firedrill/internal/httpapi/client"
	"firedrill/internal/httpapi/wire"
)

func (a *app) roundCommand() *cobra.Command {
	commands := []*cobra.Command{a.roundCreateCommand(), a.roundListCommand(), a.roundShowCommand()}
	for _, x := range []struct{ name, short string }{
		{"close", "Close a round now, which ends its sessions"},
		{"reveal", "Reveal the answer of a round that has closed"},
	} {
		commands = append(commands, a.clientCommand(&cobra.Command{
			Use: x.name + " ROUND [flags]", Short: x.short, Example: "  firedrill round " + x.name + " r0b1c2d3e4f5a", Args: args(1, 1, "one round"),
		}, func(ctx context.Context, c *client.Client, args []string) error {
			b, err := c.Post(ctx, sub("rounds", args[0], "/"+x.name), nil)
			if err != nil {
				return err
			}
			return show(a, b, a.printRoundLine)
		}))
	}
	return group("round", "Create, close and look at rounds on a server", "  firedrill round create payment-latency --closes 24h --season autumn", commands...)
}

func (a *app) roundCreateCommand() *cobra.Command {
	var body wire.NewRound
	var timebox, opens, closes *keyFlag
	cmd := a.clientCommand(&cobra.Command{
		Use:   "create SCENARIO --closes TIME|DURATION [flags]",
		Short: "Create a round",
		Long: `Open a scenario for a window of time. Whoever joins starts a session of their own with the full time box, or with
what is left of the window. All are ranked together, and with other rounds of the season.`,
		Example: "  firedrill round create payment-latency --closes 24h --season autumn\n  firedrill round create payment-latency --opens 2026-11-24T08:00:00Z --closes 2026-11-25T08:00:00Z",
		Args:    args(1, 1, "one scenario"),
	}, func(ctx context.Context, c *client.Client, args []string) (err error) {
		if closes.text == "" {
			return usagef("missing flag --closes: when does the round end?")
		}
		body.Scenario, body.Difficulty, body.Timebox = args[0], a.config.text("difficulty"), timebox.duration()
		if body.Opens, err = when(ctx, c, opens.text); err != nil {
			return err
		}
		if body.Closes, err = when(ctx, c, closes.text); err != nil {
			return err
		}
		b, err := c.Post(ctx, "/rounds", body)
		if err != nil {
			return err
		}
		return show(a, b, a.printRoundLine)
	}, "difficulty")
	opens = valueFlag(cmd.Flags(), "opens", whenKind, "from when on people can join; default: now")
	closes = valueFlag(cmd.Flags(), "closes", whenKind, "when all its sessions end")
	cmd.Flags().StringVar(&body.Season, "season", "", "`NAME` of the rounds that are ranked together")
	cmd.Flags().StringVar(&body.Title, "title", "", "`TEXT` of one line; default: the scenario's")
	timebox = valueFlag(cmd.Flags(), "timebox", durationKind, "how long players have; default: the scenario's")
	return cmd
}

func (a *app) roundListCommand() *cobra.Command {
	return a.clientCommand(&cobra.Command{
		Use:     "list [flags]",
		Short:   "List rounds, the newest first",
		Example: "  firedrill round list",
		Args:    args(0, 0, ""),
	}, func(ctx context.Context, c *client.Client, _ []string) error {
		all, err := client.All[wire.Round](ctx, c, "/rounds", nil)
		if err != nil {
			return err
		}
		return showList(a, all, "ID\tSTATE\tOPENS\tCLOSES\tSEASON\tSCENARIO\tTITLE", func(r wire.Round) string {
			return fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s\t%s", r.ID, roundState(r), clockTime(r.Opens), clockTime(r.Closes), r.Season, r.Scenario, r.Title)
		})
	})
}

func (a *app) roundShowCommand() *cobra.Command {
	return a.clientCommand(&cobra.Command{
		Use:     "show ROUND [flags]",
		Short:   "Show a round",
		Example: "  firedrill round show r0b1c2d3e4f5a",
		Args:    args(1, 1, "one round"),
	}, func(ctx context.Context, c *client.Client, args []string) error {
		b, err := c.Get(ctx, sub("rounds", args[0], ""), "")
		if err != nil {
			return err
		}
		return show(a, b, func(r wire.Round) error {
			t := tabwriter.NewWriter(a.Stdout, 0, 0, 2, ' ', 0)
			fmt.Fprintf(t, "round\t%s\ntitle\t%s\nscenario\t%s, difficulty %s\nseason\t%s\nstate\t%s\nopens\t%s\ncloses\t%s\ntime box\t%s\n",
				r.ID, r.Title, r.Scenario, r.Difficulty, r.Season, roundState(r), clockTime(r.Opens), clockTime(r.Closes), seconds(float64(r.Timebox)))
			return t.Flush()
		})
	})
}

// roundState says how a round stands by the server's clock.
func roundState(r wire.Round) string {
	switch {
	case !r.Revealed.IsZero():
		return "revealed"
	case r.ServerTime.Before(r.Opens.Time):
		return "planned"
	case r.ServerTime.Before(r.Closes.Time):
		return "open"
	}
	return "closed"
}

func (a *app) printRoundLine(r wire.Round) error {
	_, err := fmt.Fprintf(a.Stdout, "%s %s: %s, from %s to %s\n", r.ID, r.Title, roundState(r), clockTime(r.Opens), clockTime(r.Closes))
	return err
}
