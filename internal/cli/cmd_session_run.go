package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"firedrill/internal/httpapi/client"
	"firedrill/internal/httpapi/wire"
)

// sessionRunCommands are what is done to a session.
func (a *app) sessionRunCommands() []*cobra.Command {
	var all []*cobra.Command
	for _, x := range []struct{ name, short string }{
		{"start", "Start a session: load its history, then the page comes"},
		{"pause", "Pause a session: the clock stands, and the evidence has a gap"},
		{"resume", "Let a paused session go on"},
		{"end", "End a session, or cancel one that was not started"},
		{"reveal", "Reveal the answer of a session that is over"},
	} {
		all = append(all, a.clientCommand(&cobra.Command{
			Use: x.name + " SESSION [flags]", Short: x.short, Example: "  firedrill session " + x.name + " s3f9c01d2a4b7", Args: args(1, 1, "one session"),
		}, func(ctx context.Context, c *client.Client, args []string) error {
			return a.runSession(ctx, c, args[0], x.name, nil)
		}))
	}
	return append(all, a.sessionScheduleCommand(), a.sessionSpeedCommand(), a.sessionExtendCommand(), a.sessionAnnounceCommand(), a.sessionInjectCommand())
}

// runSession does something to a session, and says how it stands then.
func (a *app) runSession(ctx context.Context, c *client.Client, id, what string, body any) error {
	b, err := c.Post(ctx, sub("sessions", id, "/"+what), body)
	if err != nil {
		return err
	}
	return show(a, b, a.printSessionLine)
}

func (a *app) sessionScheduleCommand() *cobra.Command {
	return a.clientCommand(&cobra.Command{
		Use:     "schedule SESSION TIME|DURATION [flags]",
		Short:   "Plan when the page of a session comes, as a time or from now on",
		Example: "  firedrill session schedule s3f9c01d2a4b7 2026-11-24T14:00:00Z\n  firedrill session schedule s3f9c01d2a4b7 30m",
		Args:    args(2, 2, "a session and a time"),
	}, func(ctx context.Context, c *client.Client, args []string) error {
		at, err := when(ctx, c, args[1])
		if err != nil {
			return err
		}
		return a.runSession(ctx, c, args[0], "schedule", wire.Schedule{PageAt: at})
	})
}

func (a *app) sessionSpeedCommand() *cobra.Command {
	return a.clientCommand(&cobra.Command{
		Use:     "speed SESSION N [flags]",
		Short:   "Change how fast the evidence goes; the session is unranked then",
		Example: "  firedrill session speed s3f9c01d2a4b7 2",
		Args:    args(2, 2, "a session and a speed"),
	}, func(ctx context.Context, c *client.Client, args []string) error {
		speed, err := speedKind.parse(args[1])
		if err != nil {
			return usagef("speed %q: %w", args[1], err)
		}
		n, _ := speed.(float64)
		return a.runSession(ctx, c, args[0], "speed", wire.Speed{Speed: n})
	})
}

func (a *app) sessionExtendCommand() *cobra.Command {
	return a.clientCommand(&cobra.Command{
		Use:     "extend SESSION DURATION [flags]",
		Short:   "Add to the time box of a session",
		Example: "  firedrill session extend s3f9c01d2a4b7 10m",
		Args:    args(2, 2, "a session and a duration"),
	}, func(ctx context.Context, c *client.Client, args []string) error {
		by, err := parseDuration(args[1])
		if err != nil {
			return usagef("duration %q: %w", args[1], err)
		}
		return a.runSession(ctx, c, args[0], "extend", wire.Extension{By: wire.Sec(by)})
	})
}

func (a *app) sessionAnnounceCommand() *cobra.Command {
	return a.clientCommand(&cobra.Command{
		Use:     "announce SESSION TEXT... [flags]",
		Short:   "Tell something to all players of a session",
		Example: "  firedrill session announce s3f9c01d2a4b7 'Ten minutes left.'",
		Args:    args(2, -1, "a session and a text"),
	}, func(ctx context.Context, c *client.Client, args []string) error {
		return a.publish(ctx, c, args[0], "announcements", wire.Announcement{Text: strings.Join(args[1:], " ")})
	})
}

func (a *app) sessionInjectCommand() *cobra.Command {
	return a.clientCommand(&cobra.Command{
		Use:     "inject SESSION INJECT [flags]",
		Short:   "Add an event that the scenario keeps ready to the timeline",
		Example: "  firedrill session inject s3f9c01d2a4b7 customer-calls",
		Args:    args(2, 2, "a session and the id of an inject"),
	}, func(ctx context.Context, c *client.Client, args []string) error {
		return a.publish(ctx, c, args[0], "injects", wire.Inject{Inject: args[1]})
	})
}

// publish adds to the timeline of a session.
func (a *app) publish(ctx context.Context, c *client.Client, id, what string, body any) error {
	b, err := c.Post(ctx, sub("sessions", id, "/"+what), body)
	if err != nil {
		return err
	}
	return show(a, b, func(e wire.Event) error {
		_, err := fmt.Fprintln(a.Stdout, eventLine(e))
		return err
	})
}
