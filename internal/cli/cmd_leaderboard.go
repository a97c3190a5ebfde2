package cli

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"firedrill/internal/httpapi/client"
	"firedrill/internal/httpapi/wire"
)

func (a *app) leaderboardCommand() *cobra.Command {
	var round, season string
	var csv bool
	cmd := a.clientCommand(&cobra.Command{
		Use:   "leaderboard SESSION|--round ID|--season NAME [flags]",
		Short: "Rank the players of a session, round or season",
		Long: `Print who was right, and after how long: those who found the cause come first, by their time with penalties, ties by
fewer wrong suspects.`,
		Example: `  firedrill leaderboard s3f9c01d2a4b7
  firedrill leaderboard --round r0b1c2d3e4f5a --csv > round.csv
  firedrill leaderboard --season autumn -o json`,
		Args: args(0, 1, "one session, --round or --season"),
	}, func(ctx context.Context, c *client.Client, args []string) error {
		path, err := boardPath(args, round, season)
		if err != nil {
			return err
		}
		if csv {
			if a.config.json() {
				return usagef("either --csv or -o json")
			}
			b, err := c.Get(ctx, path, "text/csv")
			if err == nil {
				_, err = a.Stdout.Write(b)
			}
			return err
		}
		b, err := c.Get(ctx, path, "")
		if err != nil {
			return err
		}
		if season != "" {
			return show(a, b, a.printSeason)
		}
		return show(a, b, a.printBoard)
	})
	cmd.Flags().StringVar(&round, "round", "", "rank the round with this `ID`")
	cmd.Flags().StringVar(&season, "season", "", "rank the season of this `NAME`")
	cmd.Flags().BoolVar(&csv, "csv", false, "print CSV")
	return cmd
}

// boardPath is where the leaderboard is that was asked for.
func boardPath(args []string, round, season string) (string, error) {
	n := len(args)
	for _, set := range []bool{round != "", season != ""} {
		if set {
			n++
		}
	}
	switch {
	case n != 1:
		return "", usagef("expected one of a session, --round and --season")
	case round != "":
		return sub("rounds", round, "/leaderboard"), nil
	case season != "":
		return sub("seasons", season, "/leaderboard"), nil
	}
	return sub("sessions", args[0], "/leaderboard"), nil
}

func (a *app) printBoard(ranks wire.List[wire.Rank]) error {
	t := tabwriter.NewWriter(a.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "RANK\tPLAYER\tRIGHT\tTIME\tWRONG\tPENALTY\tTOTAL")
	for _, r := range ranks.Items {
		right, total := "no", "-"
		if r.Correct {
			right, total = "yes", clock(float64(r.Total))
		}
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%d\t%s\t%s\n", r.Rank, r.Player, right, clock(float64(r.Elapsed)), r.Wrong, clock(float64(r.Penalty)), total)
	}
	return t.Flush()
}

func (a *app) printSeason(ranks wire.List[wire.SeasonRank]) error {
	t := tabwriter.NewWriter(a.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "RANK\tPLAYER\tSOLVED\tPLAYED\tTOTAL\tWRONG")
	for _, r := range ranks.Items {
		fmt.Fprintf(t, "%d\t%s\t%d\t%d\t%s\t%d\n", r.Rank, r.Player, r.Solved, r.Played, clock(float64(r.Total)), r.Wrong)
	}
	return t.Flush()
}
