package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"firedrill/internal/httpapi/client"
	"firedrill/internal/httpapi/wire"
)

func (a *app) tokenCommand() *cobra.Command {
	return group("token", "Create, list and revoke tokens of a server", "  firedrill token create ana ben\n  firedrill token revoke t0a1b2c3d4e5f",
		a.tokenCreateCommand(), a.tokenListCommand(), a.tokenRevokeCommand())
}

func (a *app) tokenCreateCommand() *cobra.Command {
	var role, expires *keyFlag
	cmd := a.clientCommand(&cobra.Command{
		Use:   "create NAME... [flags]",
		Short: "Create a token for each name, and print them this once",
		Long: `Make tokens for players, facilitators, Grafana's data sources (grafana) or its plugins (plugin). The name is the login of a
player or facilitator, and says what the token is for with the other roles. Only the hash of a token is kept: it cannot be printed again.`,
		Example: "  firedrill token create ana ben --expires 24h\n  firedrill token create dashboards --role grafana",
		Args:    args(1, -1, "names"),
	}, func(ctx context.Context, c *client.Client, names []string) error {
		until, err := when(ctx, c, expires.text)
		if err != nil {
			return err
		}
		for _, name := range names {
			b, err := c.Post(ctx, "/tokens", wire.NewToken{Role: role.text, Name: name, Expires: until})
			if err != nil {
				return err
			}
			err = show(a, b, func(t wire.MadeToken) error {
				_, err := fmt.Fprintf(a.Stdout, "%s\t%s\t%s\n", t.Role, t.Name, t.Secret)
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	role = valueFlag(cmd.Flags(), "role", choice("player", "facilitator", "grafana", "plugin"), "what the holder may do; default: player")
	role.text = "player"
	expires = valueFlag(cmd.Flags(), "expires", whenKind, "until when it is good; default: until it is revoked")
	return cmd
}

func (a *app) tokenListCommand() *cobra.Command {
	return a.clientCommand(&cobra.Command{
		Use: "list [flags]", Short: "List tokens, without what is secret of them", Example: "  firedrill token list", Args: args(0, 0, ""),
	}, func(ctx context.Context, c *client.Client, _ []string) error {
		list, err := client.GetAs[wire.List[wire.Token]](ctx, c, "/tokens")
		if err != nil {
			return err
		}
		return showList(a, list, "ID\tROLE\tNAME\tCREATED\tSTATE", func(t wire.Token) string {
			return strings.Join([]string{t.ID, t.Role, t.Name, t.CreatedAt.Format(time.RFC3339), tokenState(t, list.ServerTime.Time)}, "\t")
		})
	})
}

func tokenState(t wire.Token, now time.Time) string {
	switch {
	case !t.Revoked.IsZero():
		return "revoked"
	case t.Expires.IsZero():
		return "good"
	case now.Before(t.Expires.Time):
		return "good until " + t.Expires.Format(time.RFC3339)
	}
	return "expired"
}

func (a *app) tokenRevokeCommand() *cobra.Command {
	return a.clientCommand(&cobra.Command{
		Use: "revoke ID [flags]", Short: "Revoke a token, within two seconds", Example: "  firedrill token revoke t0a1b2c3d4e5f", Args: args(1, 1, "the id of one token, which token list shows"),
	}, func(ctx context.Context, c *client.Client, args []string) error {
		b, err := c.Post(ctx, sub("tokens", args[0], "/revoke"), nil)
		if err != nil {
			return err
		}
		return show(a, b, func(t wire.Revoked) error {
			_, err := fmt.Fprintf(a.Stdout, "%s revoked\n", t.ID)
			return err
		})
	})
}
