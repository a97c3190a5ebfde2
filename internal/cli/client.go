package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"firedrill/internal/httpapi/client"
	"firedrill/internal/httpapi/wire"
)

// clientKeys are the settings of every command that talks to a server.
var clientKeys = []string{"output", "server.url", "server.token-file"}

// clientCommand is a command that talks to a server; more are the names of its other keys.
func (a *app) clientCommand(cmd *cobra.Command, do func(ctx context.Context, c *client.Client, args []string) error, more ...string) *cobra.Command {
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx, stop := a.untilSignal(cmd.Context())
		defer stop()
		c, err := a.client()
		if err != nil {
			return err
		}
		return a.serverError(ctx, do(ctx, c, args))
	}
	addFlags(cmd.Flags(), keysIn(append(more, clientKeys...)...))
	return cmd
}

// client is the client of the configured server.
func (a *app) client() (*client.Client, error) {
	token := a.config.text("server.token")
	if file := a.config.text("server.token-file"); token == "" && file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, fail(exitUsage, fmt.Errorf("read token: %w", err), "")
		}
		token = strings.TrimSpace(string(b))
	}
	if token == "" {
		return nil, fail(exitUsage, errors.New("no token for the server"), "set FIREDRILL_SERVER_TOKEN, or name a file that holds it with --server-token-file")
	}
	c, err := client.New(a.config.text("server.url"), token)
	return c, fail(exitUsage, err, "")
}

// serverError gives what the server refused an exit code and a hint.
func (a *app) serverError(ctx context.Context, err error) error {
	var coded *codedError
	var p *client.Problem
	switch {
	case err == nil || errors.As(err, &coded):
		return err
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case !errors.As(err, &p):
		return fail(exitBackEnd, err, "is firedrill serve running there? --server-url says where")
	case p.Code == "invalid":
		text := p.Detail
		if p.Field != "" && !strings.Contains(text, p.Field) {
			text = p.Field + ": " + text
		}
		return fail(exitUsage, errors.New(text), "")
	case p.Code == "unauthorized":
		return fail(exitBackEnd, err, "make a token with firedrill token create")
	case p.Code == "locked_out":
		return fail(exitBackEnd, err, fmt.Sprintf("submit again in %s", seconds(float64(p.RetryAfter))))
	case p.Instance != "":
		return fail(exitBackEnd, err, "look for "+p.Instance+" in the server's log")
	}
	return fail(exitBackEnd, err, "")
}

// show prints an answer: as JSON what the server sent, as text what print makes of it.
func show[T any](a *app, b []byte, print func(v T) error) error {
	if a.config.json() {
		var out bytes.Buffer
		if err := json.Indent(&out, bytes.TrimSpace(b), "", "  "); err != nil {
			return fmt.Errorf("the server's answer is no JSON: %w", err)
		}
		out.WriteByte('\n')
		_, err := a.Stdout.Write(out.Bytes())
		return err
	}
	var v T
	if err := json.Unmarshal(b, &v); err != nil {
		return fmt.Errorf("the server's answer is not what this version expects: %w", err)
	}
	return print(v)
}

// showList prints a list that was put together from pages.
func showList[T any](a *app, list wire.List[T], header string, row func(T) string) error {
	if a.config.json() {
		return writeJSON(a.Stdout, list)
	}
	t := tabwriter.NewWriter(a.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, header)
	for _, v := range list.Items {
		fmt.Fprintln(t, row(v))
	}
	return t.Flush()
}

// group is a command that only has others.
func group(use, short, example string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Example: example, Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			names := strings.Join(commandNames(cmd), " or ")
			if len(args) == 0 {
				return usagef("no command given, expected %s", names)
			}
			return usagef("unknown command %q, expected %s", args[0], names)
		},
	}
	cmd.AddCommand(commands...)
	return cmd
}

// valueFlag adds a flag of a kind that is no setting.
func valueFlag(flags *pflag.FlagSet, name string, k kind, help string) *keyFlag {
	f := &keyFlag{key: key{name: name, kind: k}}
	flags.Var(f, name, help)
	return f
}

// duration is the value of a flag with a durationKind, in seconds; 0 when it is not set.
func (f *keyFlag) duration() wire.Seconds {
	if f.text == "" {
		return 0
	}
	d, _ := parseDuration(f.text) // checked when it was set
	return wire.Sec(d)
}

// whenKind is a wall time.
var whenKind = kind{"TIME|DURATION", func(s string) (any, error) {
	m, err := parseMoment(s)
	if err != nil {
		return nil, errors.New("expected a time such as 2026-11-24T12:00:00Z, or a duration from now such as 30m")
	}
	return m, nil
}}

// when reads a wall time, by the server's clock; "" is none.
func when(ctx context.Context, c *client.Client, text string) (wire.Time, error) {
	if text == "" {
		return wire.Time{}, nil
	}
	value, err := whenKind.parse(text)
	if err != nil {
		return wire.Time{}, usagef("%q: %w", text, err)
	}
	m, _ := value.(moment)
	if !m.abs.IsZero() {
		return wire.At(m.abs), nil
	}
	me, err := client.GetAs[wire.Me](ctx, c, "/me")
	return wire.At(m.in(me.ServerTime.Time)), err
}

// clockTime is a moment for people, in their time zone; "-" when there is none.
func clockTime(t wire.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format(time.DateTime)
}

// sub is a path below the API's, of a thing with an ID that somebody typed.
func sub(kind, id, rest string) string {
	return "/" + kind + "/" + url.PathEscape(id) + rest
}
