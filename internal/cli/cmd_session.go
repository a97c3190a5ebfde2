package cli

import (
	"context"
	"fmt"
	"net/url"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"firedrill/internal/httpapi/client"
	"firedrill/internal/httpapi/wire"
)

func (a *app) sessionCommand() *cobra.Command {
	return group("session", "Create, run and look at sessions on a server",
		"  firedrill session create payment-latency\n  firedrill session start s3f9c01d2a4b7",
		append([]*cobra.Command{a.sessionCreateCommand(), a.sessionListCommand(), a.sessionShowCommand()},
			append(a.sessionRunCommands(), a.sessionDebriefCommand())...)...)
}

func (a *app) sessionCreateCommand() *cobra.Command {
	var body wire.NewSession
	var timebox, pageAt *keyFlag
	cmd := a.clientCommand(&cobra.Command{
		Use:   "create SCENARIO [flags]",
		Short: "Create a session",
		Long: `Create a session, which players can join and which is started, or scheduled, later. Facilitators create
live sessions, in which everybody plays at once; players create solo sessions of their own.`,
		Example: "  firedrill session create payment-latency --title Tuesday --timebox 45m\n  firedrill session create payment-latency --mode solo",
		Args:    args(1, 1, "one scenario"),
	}, func(ctx context.Context, c *client.Client, args []string) (err error) {
		body.Scenario, body.Difficulty, body.Timebox = args[0], a.config.text("difficulty"), timebox.duration()
		if body.PageAt, err = when(ctx, c, pageAt.text); err != nil {
			return err
		}
		b, err := c.Post(ctx, "/sessions", body)
		if err != nil {
			return err
		}
		return show(a, b, a.printSessionLine)
	}, "difficulty")
	cmd.Flags().StringVar(&body.Mode, "mode", "live", "`live|solo`: everybody at once, or one player")
	cmd.Flags().StringVar(&body.Title, "title", "", "`TEXT` of one line; default: the scenario's")
	timebox = valueFlag(cmd.Flags(), "timebox", durationKind, "how long players have; default: the scenario's")
	pageAt = valueFlag(cmd.Flags(), "at", whenKind, "when the page comes, as a time or from now on; default: as soon as possible after session start")
	return cmd
}

func (a *app) sessionListCommand() *cobra.Command {
	query := map[string]*string{}
	cmd := a.clientCommand(&cobra.Command{
		Use:   "list [flags]",
		Short: "List sessions, the newest first",
		Long: `List sessions, the newest first: facilitators see all of them, players their own, and with --mode live those
that they can join.`,
		Example: "  firedrill session list --state live,paused\n  firedrill session list --round r0b1c2d3e4f5a -o json",
		Args:    args(0, 0, ""),
	}, func(ctx context.Context, c *client.Client, _ []string) error {
		q := url.Values{}
		for name, value := range query {
			if *value != "" {
				q.Set(name, *value)
			}
		}
		all, err := client.All[wire.Session](ctx, c, "/sessions", q)
		if err != nil {
			return err
		}
		return showList(a, all, "ID\tSTATE\tMODE\tLEFT\tSCENARIO\tTITLE", func(s wire.Session) string {
			return fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s", s.ID, s.State, s.Mode, clock(float64(s.Remaining)), s.Scenario, s.Title)
		})
	})
	for name, help := range map[string]string{
		"state": "only sessions in one of these `STATES`, separated by commas: scheduled, loading, lobby, live, paused, ended, debrief",
		"mode":  "only sessions of this `MODE`: solo, live or round", "round": "only sessions of the round with this `ID`", "player": "only sessions of this `PLAYER`",
	} {
		query[name] = cmd.Flags().String(name, "", help)
	}
	return cmd
}

func (a *app) sessionShowCommand() *cobra.Command {
	return a.clientCommand(&cobra.Command{
		Use:     "show SESSION [flags]",
		Short:   "Show a session, who takes part and what has happened",
		Example: "  firedrill session show s3f9c01d2a4b7",
		Args:    args(1, 1, "one session"),
	}, func(ctx context.Context, c *client.Client, args []string) error {
		b, err := c.Get(ctx, sub("sessions", args[0], ""), "")
		if err != nil {
			return err
		}
		return show(a, b, func(s wire.Session) error { return a.printSession(ctx, c, s) })
	})
}

func (a *app) sessionDebriefCommand() *cobra.Command {
	return a.clientCommand(&cobra.Command{
		Use:   "debrief SESSION [flags]",
		Short: "Print the debrief of a session whose answer was revealed",
		Long: `Print what there is to learn from a session once its answer was revealed: the answer, how it led to the page, what
only looked guilty, and everybody's way through it. It is Markdown, or JSON.`,
		Example: "  firedrill session debrief s3f9c01d2a4b7 > debrief.md",
		Args:    args(1, 1, "one session"),
	}, func(ctx context.Context, c *client.Client, args []string) error {
		path := sub("sessions", args[0], "/debrief")
		if !a.config.json() {
			b, err := c.Get(ctx, path, "text/markdown")
			if err == nil {
				_, err = a.Stdout.Write(b)
			}
			return err
		}
		b, err := c.Get(ctx, path, "")
		if err != nil {
			return err
		}
		return show(a, b, func(wire.Debrief) error { return nil })
	})
}

// printSessionLine says in a line how a session stands.
func (a *app) printSessionLine(s wire.Session) error {
	_, err := fmt.Fprintf(a.Stdout, "%s %s: %s\n", s.ID, s.Title, sessionState(s))
	return err
}

// sessionState says how a session stands.
func sessionState(s wire.Session) string {
	left := clock(float64(s.Remaining)) + " left"
	switch s.State {
	case "scheduled":
		if s.PageAt.IsZero() {
			return "scheduled, not planned yet"
		}
		return "scheduled, page at " + clockTime(s.PageAt)
	case "loading", "lobby":
		if s.PageAt.IsZero() {
			return s.State
		}
		return s.State + ", page at " + clockTime(s.PageAt)
	case "live", "paused":
		return s.State + ", " + left
	case "ended", "debrief":
		text := s.State + ", " + map[string]string{
			"timebox": "the time was up", "solved": "solved", "facilitator": "it was ended", "failed": "it could not be played: " + s.Failure,
		}[s.EndReason]
		return text
	}
	return s.State
}

// printSession shows a session with its players and timeline, as far as the caller may see them.
func (a *app) printSession(ctx context.Context, c *client.Client, s wire.Session) error {
	t := tabwriter.NewWriter(a.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "session\t%s\ntitle\t%s\nscenario\t%s, difficulty %s\nmode\t%s\nstate\t%s\n", s.ID, s.Title, s.Scenario, s.Difficulty, s.Mode, sessionState(s))
	fmt.Fprintf(t, "page\t%s\ntime box\t%s\ndeadline\t%s\n", clockTime(s.PageAt), seconds(float64(s.Timebox)), clockTime(s.Deadline))
	if s.Round != "" {
		fmt.Fprintf(t, "round\t%s\n", s.Round)
	}
	if s.Unranked {
		fmt.Fprintln(t, "unranked\tits speed was changed, or a solo player paused it")
	}
	players, err := client.GetAs[wire.List[wire.Participant]](ctx, c, sub("sessions", s.ID, "/participants"))
	if err != nil {
		return err
	}
	for i, p := range players.Items {
		label := ""
		if i == 0 {
			label = "players"
		}
		fmt.Fprintf(t, "%s\t%s\n", label, p.Player)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	events, err := client.GetAs[wire.List[wire.Event]](ctx, c, sub("sessions", s.ID, "/timeline"))
	if err != nil {
		return nil //nolint:nilerr // those who have not joined see the session, and not its timeline
	}
	for i, e := range events.Items {
		if i == 0 {
			fmt.Fprintln(a.Stdout)
		}
		fmt.Fprintln(a.Stdout, eventLine(e))
	}
	return nil
}

// eventLine is one line of a timeline.
func eventLine(e wire.Event) string {
	line := clockTime(e.At) + "  " + e.Title
	if e.Service != "" {
		line += " " + e.Service
	}
	if e.Text != "" {
		line += ": " + e.Text
	}
	if e.Author != "" {
		line += " (" + e.Author + ")"
	}
	return line
}
