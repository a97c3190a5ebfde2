package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"firedrill/scenarios"
)

func (a *app) scenarioCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "scenario",
		Short:   "List and show scenarios",
		Example: "  firedrill scenario list\n  firedrill scenario show first-light",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("no command given, expected %s", strings.Join(commandNames(cmd), " or "))
			}
			return usagef("unknown command %q, expected %s", args[0], strings.Join(commandNames(cmd), " or "))
		},
	}
	list := &cobra.Command{
		Use:     "list [--scenarios DIR] [-o text|json]",
		Short:   "List the scenarios",
		Example: "  firedrill scenario list",
		Args:    args(0, 0, ""),
		RunE:    func(*cobra.Command, []string) error { return a.listScenarios() },
	}
	show := &cobra.Command{
		Use:     "show SCENARIO [--scenarios DIR] [-o text|json]",
		Short:   "Show what a player knows of a scenario at the start",
		Example: "  firedrill scenario show first-light",
		Args:    args(1, 1, "one scenario"),
		RunE:    func(_ *cobra.Command, args []string) error { return a.showScenario(args[0]) },
	}
	addFlags(list.Flags(), keysIn("output", "scenarios"))
	addFlags(show.Flags(), keysIn("output", "scenarios"))
	cmd.AddCommand(list, show)
	return cmd
}

// scenarioView is a scenario as programs see it: only what a player may know.
type scenarioView struct {
	ID      string  `json:"id"`
	Title   string  `json:"title"`
	Brief   string  `json:"brief"`
	Alert   string  `json:"alert"`
	Timebox float64 `json:"timebox"` // seconds
}

func viewOf(s *scenarios.Scenario) scenarioView {
	return scenarioView{s.ID, s.Title, s.Brief, s.Page.Alert, time.Duration(s.Timebox).Seconds()}
}

func (a *app) listScenarios() error {
	var views []scenarioView
	lib, err := a.library()
	if err != nil {
		return err
	}
	for _, id := range lib.IDs() {
		s, err := lib.Load(id)
		if err != nil {
			return fail(exitInput, err, "")
		}
		views = append(views, viewOf(s))
	}
	if a.config.json() {
		return writeJSON(a.Stdout, views)
	}
	t := tabwriter.NewWriter(a.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tTIME BOX\tTITLE")
	for _, v := range views {
		fmt.Fprintf(t, "%s\t%s\t%s\n", v.ID, seconds(v.Timebox), v.Title)
	}
	return t.Flush()
}

func (a *app) showScenario(name string) error {
	s, err := a.findScenario(name)
	if err != nil {
		return err
	}
	v := viewOf(s)
	if a.config.json() {
		return writeJSON(a.Stdout, v)
	}
	_, err = fmt.Fprintf(a.Stdout, "%s\n\n%s\npage: %s\ntime box: %s\n", v.Title, v.Brief, v.Alert, seconds(v.Timebox))
	return err
}

// findScenario takes a scenario's folder or name.
func (a *app) findScenario(name string) (*scenarios.Scenario, error) {
	lib, err := a.library()
	if err != nil {
		return nil, err
	}
	s, err := lib.Load(name)
	if errors.Is(err, fs.ErrNotExist) {
		s, err = scenarios.Load(name)
	}
	return s, fail(exitInput, err, "firedrill scenario list names the scenarios")
}
