package cli

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"
)

// app is what the commands share while one of them runs.
type app struct {
	*State
	config     *config // loaded before a command runs
	configPath string  // from --config
	log        *slog.Logger
}

// Run runs the command that s.Args name and returns the exit code.
func Run(s *State) int {
	a := &app{State: s, log: slog.New(slog.DiscardHandler)}
	root := a.rootCommand()
	cmd, err := root.ExecuteContextC(context.Background())
	if err == nil {
		return exitOK
	}
	hint := ""
	if exitCode(err) == exitUsage {
		hint = fmt.Sprintf("%s --help shows usage and examples", cmd.CommandPath())
	}
	printError(s.Stderr, err, hint)
	return exitCode(err)
}

// rootCommand builds the tree of commands.
func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "firedrill",
		Short: "Replay recorded production incidents into real observability back ends",
		Long: `Firedrill replays recorded production incidents into real Prometheus, Loki and Jaeger, on
wall-clock time, so that engineers debug them in real dashboards against a countdown.`,
		Example: `  firedrill play
  firedrill inspect recording/
  firedrill replay recording/ --prometheus-url http://127.0.0.1:9090 --history 30m --for 5m`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("no command given")
			}
			hint := ""
			if near := nearest(args[0], commandNames(cmd)); near != "" {
				hint = fmt.Sprintf("did you mean %q?", near)
			}
			return fail(exitUsage, fmt.Errorf("unknown command %q", args[0]), hint)
		},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) (err error) {
			if a.config, err = a.loadConfig(cmd.Flags(), a.configPath); err != nil {
				return err
			}
			a.log = a.logger()
			return nil
		},
	}
	root.SetArgs(a.Args)
	root.SetIn(a.Stdin)
	root.SetOut(a.Stdout)
	root.SetErr(a.Stderr)
	root.PersistentFlags().StringVar(&a.configPath, "config", "", "configuration `FILE`; default: firedrill.yaml here, then in $XDG_CONFIG_HOME/firedrill")
	addFlags(root.PersistentFlags(), keysIn("log."))
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return flagError(cmd, err) })
	root.SetUsageTemplate(usageTemplate)
	root.SetHelpTemplate(helpTemplate)
	cobra.EnableCommandSorting = false
	root.SetHelpCommand(&cobra.Command{Use: "no-help", Hidden: true}) // --help is enough
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(a.commands()...)
	handWritten(root)
	return root
}

// handWritten keeps cobra from adding to the usage lines.
func handWritten(c *cobra.Command) {
	c.DisableFlagsInUseLine = true
	for _, sub := range c.Commands() {
		handWritten(sub)
	}
}

// commands lists the program's commands in the order of help and documentation.
func (a *app) commands() []*cobra.Command {
	return []*cobra.Command{
		a.playCommand(),
		a.scenarioCommand(),
		a.importCommand(),
		a.inspectCommand(),
		a.verifyCommand(),
		a.replayCommand(),
		a.serveCommand(),
		a.tokenCommand(),
		a.sessionCommand(),
		a.roundCommand(),
		a.joinCommand(),
		a.submitCommand(),
		a.leaderboardCommand(),
		a.configCommand(),
		a.versionCommand(),
		a.completionCommand(),
	}
}

func commandNames(parent *cobra.Command) []string {
	var names []string
	for _, c := range parent.Commands() {
		if !c.Hidden {
			names = append(names, c.Name())
		}
	}
	return names
}

// flagError makes a usage error of what pflag says, with a suggestion for a misspelt flag.
func flagError(cmd *cobra.Command, err error) error {
	hint := ""
	if name, ok := strings.CutPrefix(err.Error(), "unknown flag: --"); ok {
		var flags []string
		for _, k := range keys {
			if f := k.flagName(); f != "" && cmd.Flag(f) != nil {
				flags = append(flags, f)
			}
		}
		if near := nearest(name, flags); near != "" {
			hint = fmt.Sprintf("did you mean --%s?", near)
		}
		for _, k := range keys {
			if k.secret && strings.ReplaceAll(k.name, ".", "-") == name {
				hint = fmt.Sprintf("%s is not a flag, since arguments can be seen by others: set %s or %s in firedrill.yaml", k.name, k.env(), k.name)
			}
		}
	}
	return fail(exitUsage, err, hint)
}

// logger is the log on standard error that the configuration asks for.
func (a *app) logger() *slog.Logger {
	var level slog.Level
	// The key's kind allows only names that slog knows.
	_ = level.UnmarshalText([]byte(a.config.text("log.level")))
	options := &slog.HandlerOptions{Level: level}
	if a.config.text("log.format") == "json" {
		return slog.New(slog.NewJSONHandler(a.Stderr, options))
	}
	return slog.New(slog.NewTextHandler(a.Stderr, options))
}

// args returns a cobra check that allows between least and most arguments; a negative most is no limit.
func args(least, most int, what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return usagef("missing argument, expected %s", what)
		case most == 0 && len(args) > 0:
			return usagef("unexpected argument %q", args[0])
		case most >= 0 && len(args) > most:
			return usagef("unexpected argument %q, expected %s", args[most], what)
		}
		return nil
	}
}
