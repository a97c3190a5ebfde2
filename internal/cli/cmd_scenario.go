package cli

import (
	"errors"
	"fmt"
	"io"
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
		Short:   "List, show, check, build and begin scenarios",
		Example: "  firedrill scenario list\n  firedrill scenario show payment-latency",
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
		Example: "  firedrill scenario list\n  firedrill scenario list --scenarios /srv/drills -o json",
		Args:    args(0, 0, ""),
		RunE:    func(*cobra.Command, []string) error { return a.listScenarios() },
	}
	show := &cobra.Command{
		Use:     "show SCENARIO [--scenarios DIR] [-o text|json]",
		Short:   "Show what a player knows of a scenario at the start",
		Example: "  firedrill scenario show payment-latency",
		Args:    args(1, 1, "one scenario"),
		RunE:    func(_ *cobra.Command, args []string) error { return a.showScenario(args[0]) },
	}
	for _, c := range []*cobra.Command{list, show} {
		addFlags(c.Flags(), keysIn("output", "scenarios"))
	}
	cmd.AddCommand(list, show, a.validateCommand(), a.buildCommand(), a.newCommand())
	return cmd
}

// scenarioView is a scenario as programs see it: only what a player may know. Times are seconds from the page,
// negative before it.
type scenarioView struct {
	ID         string               `json:"id"`
	Title      string               `json:"title"`
	Difficulty scenarios.Difficulty `json:"difficulty,omitempty"`
	Brief      string               `json:"brief"`
	Alert      string               `json:"alert"`
	Labels     map[string]string    `json:"labels,omitempty"`
	Timebox    float64              `json:"timebox"` // seconds
}

// shownScenario is what `scenario show` adds.
type shownScenario struct {
	scenarioView
	Services []serviceView `json:"services"`
	Diagram  string        `json:"diagram,omitempty"`
	Changes  []changeView  `json:"changes"` // up to the page
	Suspects suspectsView  `json:"suspects"`
}

type serviceView struct {
	Name        string     `json:"name"`
	Description string     `json:"description"`
	Owner       string     `json:"owner"`
	Tier        int        `json:"tier,omitempty"`
	Language    string     `json:"language,omitempty"`
	Links       []linkView `json:"links,omitempty"`
	DependsOn   []string   `json:"depends_on,omitempty"`
}

type linkView struct {
	Title string `json:"title"`
	URL   string `json:"url"`
}

type changeView struct {
	At      float64              `json:"at"` // seconds from the page
	Kind    scenarios.ChangeKind `json:"kind"`
	Service string               `json:"service"`
	Summary string               `json:"summary"`
	Author  string               `json:"author"`
}

type suspectsView struct {
	Components []string    `json:"components"`
	Causes     []causeView `json:"causes"`
}

type causeView struct {
	ID    string `json:"id"`
	Title string `json:"title"`
}

func viewOf(s *scenarios.Scenario) scenarioView {
	return scenarioView{s.ID, s.Title, s.Difficulty, s.Brief, s.Page.Alert, s.Page.Labels, time.Duration(s.Timebox).Seconds()}
}

func shownOf(s *scenarios.Scenario) shownScenario {
	v := shownScenario{scenarioView: viewOf(s), Diagram: s.Diagram, Services: []serviceView{}, Changes: []changeView{}}
	for _, x := range s.Services {
		sv := serviceView{Name: x.Name, Description: x.Description, Owner: x.Owner, Tier: x.Tier, Language: x.Language, DependsOn: x.DependsOn}
		for _, l := range x.Links {
			sv.Links = append(sv.Links, linkView(l))
		}
		v.Services = append(v.Services, sv)
	}
	page := s.Page.At.In(s.Start.Time)
	for _, c := range s.Changes {
		if at := c.At.In(s.Start.Time); !at.After(page) {
			v.Changes = append(v.Changes, changeView{at.Sub(page).Seconds(), c.Kind, c.Service, c.Summary, c.Author})
		}
	}
	v.Suspects = suspectsView{append([]string{}, s.Suspects.Components...), []causeView{}}
	for _, c := range s.Suspects.Causes {
		v.Suspects.Causes = append(v.Suspects.Causes, causeView(c))
	}
	return v
}

func (a *app) listScenarios() error {
	lib, err := a.library()
	if err != nil {
		return err
	}
	var views []scenarioView
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
	fmt.Fprintln(t, "ID\tDIFFICULTY\tTIME BOX\tTITLE")
	for _, v := range views {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", v.ID, v.Difficulty, seconds(v.Timebox), v.Title)
	}
	return t.Flush()
}

func (a *app) showScenario(name string) error {
	s, err := a.findScenario(name)
	if err != nil {
		return err
	}
	if a.config.json() {
		return writeJSON(a.Stdout, shownOf(s))
	}
	return printScenario(a.Stdout, shownOf(s))
}

// printScenario writes a scenario for a person.
func printScenario(out io.Writer, v shownScenario) error {
	fmt.Fprintf(out, "%s\n\n%s\npage: %s\ntime box: %s\n", v.Title, v.Brief, v.Alert, seconds(v.Timebox))
	if v.Difficulty != "" {
		fmt.Fprintf(out, "difficulty: %s\n", v.Difficulty)
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if len(v.Services) > 0 {
		fmt.Fprintln(t, "\nSERVICE\tTIER\tLANGUAGE\tOWNER\tDESCRIPTION")
	}
	for _, s := range v.Services {
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\n", s.Name, s.Tier, s.Language, s.Owner, s.Description)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if v.Diagram != "" {
		fmt.Fprintf(out, "\n%s", v.Diagram)
	}
	if len(v.Changes) > 0 {
		fmt.Fprintln(t, "\nCHANGE\tKIND\tSERVICE\tAUTHOR\tSUMMARY")
	}
	for _, c := range v.Changes {
		fmt.Fprintf(t, "%s before\t%s\t%s\t%s\t%s\n", seconds(-c.At), c.Kind, c.Service, c.Author, c.Summary)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(v.Suspects.Components) > 0 {
		fmt.Fprintf(out, "\ncomponents to suspect: %s\n", strings.Join(v.Suspects.Components, ", "))
	}
	for i, c := range v.Suspects.Causes {
		if i == 0 {
			fmt.Fprintln(t, "causes to suspect:")
		}
		fmt.Fprintf(t, "  %s\t%s\n", c.ID, c.Title)
	}
	return t.Flush()
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
	hint := ""
	if errors.Is(err, fs.ErrNotExist) {
		hint = "firedrill scenario list names the scenarios; --scenarios adds those of a folder"
	}
	return s, fail(exitInput, err, hint)
}
