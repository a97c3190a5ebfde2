package cli

import (
	"context"

	"github.com/spf13/cobra"

	"firedrill/internal/httpapi/client"
	"firedrill/internal/httpapi/wire"
)

func (a *app) joinCommand() *cobra.Command {
	return a.clientCommand(&cobra.Command{
		Use:   "join SESSION|ROUND [flags]",
		Short: "Join a session or a round as a player",
		Long: `Join a session, or a round, as the player whose token it is. It becomes the player's current session: Grafana shows
its evidence, and submit is about it. In a round the first join starts a session of the player's own.`,
		Example: "  firedrill join s3f9c01d2a4b7",
		Args:    args(1, 1, "one session or round"),
	}, func(ctx context.Context, c *client.Client, args []string) error {
		b, err := c.Post(ctx, "/me/session", wire.Join{ID: args[0]})
		if err != nil {
			return err
		}
		return show(a, b, a.printSessionLine)
	})
}
