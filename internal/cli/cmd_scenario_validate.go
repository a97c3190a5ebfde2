package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"firedrill/internal/stack"
	"firedrill/replay/recording"
	"firedrill/scenarios"
	"firedrill/scenarios/evidence"
)

func (a *app) validateCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "validate SCENARIO|--all [flags]",
		Short: "Check a scenario, its recording and its evidence on the real back ends",
		Long: `Check the files of a scenario, build its recording, hold it against the signal budget, look for what
gives the answer away, then start Prometheus, Loki and Jaeger on free ports, load the recording and
ask for the evidence and the golden path. It is for authors: the names of the evidence are printed.`,
		Example: `  firedrill scenario validate ./my-scenario
  firedrill scenario validate --all --scenarios /srv/drills -o json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if all == (len(args) == 1) {
				return usagef("expected one scenario or --all")
			}
			return a.validateScenarios(cmd.Context(), args)
		},
	}
	addFlags(cmd.Flags(), keysIn("output", "scenarios", "stack.bin"))
	cmd.Flags().BoolVar(&all, "all", false, "check every scenario")
	return cmd
}

// validation is what was found about one scenario.
type validation struct {
	Scenario string            `json:"scenario"`
	OK       bool              `json:"ok"`
	Problems []string          `json:"problems"`
	Rates    []scenarios.Rate  `json:"rates,omitempty"`
	Evidence []evidence.Result `json:"evidence,omitempty"`
}

// fault notes a problem, one for each line of the error.
func (v *validation) fault(err error) {
	for line := range strings.Lines(err.Error()) {
		v.Problems = append(v.Problems, strings.TrimSpace(line))
	}
}

// validateScenarios checks the scenarios named, or all of them.
func (a *app) validateScenarios(ctx context.Context, names []string) error {
	if len(names) == 0 {
		lib, err := a.library()
		if err != nil {
			return err
		}
		names = lib.IDs()
	}
	ctx, in := a.catch(ctx)
	defer in.stop()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-in.drain:
			cancel()
		case <-ctx.Done():
		}
	}()
	lab := &laboratory{app: a, in: in}
	var all []validation
	var err error
	for _, name := range names {
		var v validation
		if v, err = a.validate(ctx, lab, name); err != nil {
			break
		}
		all = append(all, v)
		if !a.config.json() {
			if err = printValidation(a.Stdout, v); err != nil {
				break
			}
		}
	}
	err = errors.Join(err, lab.close())
	if in.err("") != nil {
		return in.err("")
	}
	if err != nil {
		return err
	}
	if a.config.json() {
		if err := writeJSON(a.Stdout, all); err != nil {
			return err
		}
	}
	var failed []string
	for _, v := range all {
		if !v.OK {
			failed = append(failed, v.Scenario)
		}
	}
	if len(failed) > 0 {
		return fail(exitFailed, fmt.Errorf("not valid: %s", strings.Join(failed, ", ")), "")
	}
	return nil
}

// validate checks one scenario. The error is for what is no fault of the scenario.
func (a *app) validate(ctx context.Context, lab *laboratory, name string) (validation, error) {
	v := validation{Scenario: name, Problems: []string{}}
	s, err := a.findScenario(name)
	if errors.Is(err, fs.ErrNotExist) {
		return v, err
	}
	if err != nil {
		v.fault(err)
		return v, nil
	}
	v.Scenario = s.ID
	answer, err := scenarios.LoadAnswer(s)
	if err != nil {
		v.fault(err)
		return v, nil
	}
	if err := scenarios.CheckComplete(s, answer); err != nil {
		v.fault(err)
		return v, nil
	}
	dir, err := a.recordingOf(ctx, s)
	if err != nil {
		var faults *scenarios.FaultsError
		if errors.As(err, &faults) {
			err = fmt.Errorf("%w: %w", err, faults.Detail)
		}
		v.fault(err)
		return v, ctx.Err()
	}
	rec, err := recording.Open(dir)
	if err != nil {
		v.fault(err)
		return v, nil
	}
	defer rec.Close()
	if err := a.validateRecording(&v, s, answer, rec); err != nil {
		return v, err
	}
	if err := lab.validate(ctx, &v, s, answer, rec); err != nil {
		return v, err
	}
	v.OK = len(v.Problems) == 0
	return v, nil
}

// validateRecording checks times, budget and leaks.
func (a *app) validateRecording(v *validation, s *scenarios.Scenario, answer *scenarios.Answer, rec *recording.Recording) error {
	m := rec.Manifest()
	if err := scenarios.CheckTimes(s, answer, m.Start, m.End); err != nil {
		v.fault(err)
	}
	if err := scenarios.CheckDistortions(s, rec); err != nil {
		v.fault(err)
	}
	rates, err := scenarios.Rates(rec)
	if err != nil {
		return fail(exitInput, err, "")
	}
	v.Rates = rates
	for _, r := range rates {
		if !r.OK() {
			v.Problems = append(v.Problems, fmt.Sprintf("%s: %.1f %s on average and %.1f in the busiest %s; at most %.0f and %.0f are allowed",
				r.Signal, r.Average, r.Unit, r.Peak, scenarios.BudgetWindow, r.Allowed, scenarios.BudgetPeak*r.Allowed))
		}
	}
	shown := shownOf(s)
	var text, object strings.Builder
	if err := errors.Join(printScenario(&text, shown), writeJSON(&object, shown)); err != nil {
		return err
	}
	leaks, err := scenarios.Leaks(answer, s, map[string]string{"scenario show": text.String(), "scenario show -o json": object.String()}, rec)
	if err != nil {
		return fail(exitInput, err, "")
	}
	for _, l := range leaks {
		v.Problems = append(v.Problems, l.String())
	}
	return nil
}

// laboratory is a local stack that is started when the first scenario needs it.
type laboratory struct {
	app   *app
	in    *interrupts
	stack *stack.Stack
	stop  func() error
}

// validate asks for evidence and golden path.
func (l *laboratory) validate(ctx context.Context, v *validation, s *scenarios.Scenario, answer *scenarios.Answer, rec *recording.Recording) error {
	if l.stack == nil {
		var err error
		if l.stack, l.stop, err = l.app.runStack(ctx, l.in, stack.Options{AutoPorts: true}); err != nil {
			return err
		}
	}
	if !l.app.config.json() {
		fmt.Fprintf(l.app.Stderr, "loading %s into Prometheus, Loki and Jaeger\n", s.ID)
	}
	at := l.stack.URLs()
	session, proof, err := evidence.Load(ctx, rec, evidence.Options{
		Prometheus: at.Prometheus, Loki: at.Loki, OTLP: "http://" + at.OTLPGRPC, Jaeger: at.Jaeger,
		Window: stack.Window, Session: newSessionID(), Begin: s.Begin(rec.Manifest().Start),
	})
	if err != nil {
		return backEndError(err)
	}
	if err := differences(proof); err != nil {
		v.fault(err)
		return nil // evidence of something else
	}
	if v.Evidence, err = session.Check(ctx, answer.Evidence); err != nil {
		return backEndError(err)
	}
	steps, err := session.Walk(ctx, answer.GoldenPath)
	if err != nil {
		return backEndError(err)
	}
	for _, r := range v.Evidence {
		if !r.OK {
			v.Problems = append(v.Problems, fmt.Sprintf("evidence %q does not hold", r.Name))
		}
	}
	for _, p := range steps {
		v.Problems = append(v.Problems, fmt.Sprintf("golden_path[%d]: %s", p.Index, p.Text))
	}
	return nil
}

func (l *laboratory) close() error {
	if l.stack == nil {
		return nil
	}
	return l.stop()
}

// printValidation writes what was found, for an author.
func printValidation(out io.Writer, v validation) error {
	state := "ok"
	if !v.OK {
		state = "NOT VALID"
	}
	fmt.Fprintf(out, "%s: %s\n", v.Scenario, state)
	for _, p := range v.Problems {
		fmt.Fprintf(out, "  %s\n", p)
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if len(v.Rates) > 0 {
		fmt.Fprintf(t, "\n  SIGNAL\tAVERAGE\tPEAK\tALLOWED\n")
	}
	for _, r := range v.Rates {
		fmt.Fprintf(t, "  %s\t%.1f %s\t%.1f\t%.0f, peak %.0f\n", r.Signal, r.Average, r.Unit, r.Peak, r.Allowed, scenarios.BudgetPeak*r.Allowed)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(v.Evidence) > 0 {
		fmt.Fprintf(t, "\n  EVIDENCE\tVALUE\tEXPECTED\tOK\n")
	}
	for _, r := range v.Evidence {
		result := strconv.FormatBool(r.OK)
		if r.Problem != "" {
			result += ": " + r.Problem
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\n", r.Name, interval(r.Least, r.Most, "none"), interval(r.Min, r.Max, "any"), result)
	}
	fmt.Fprintln(t)
	return t.Flush()
}

// interval writes a pair of numbers, either of which may be missing.
func interval(from, to *float64, missing string) string {
	text := func(v *float64) string {
		if v == nil {
			return missing
		}
		return strconv.FormatFloat(*v, 'g', 4, 64)
	}
	switch {
	case from == nil && to == nil:
		return missing
	case from != nil && to != nil && math.Abs(*from-*to) == 0:
		return text(from)
	}
	return text(from) + " to " + text(to)
}
