package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

func (a *app) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config [flags]",
		Short: "Print the effective configuration and where each value came from",
		Long: `Print every setting: its value and where that came from. A flag goes before the environment
(FIREDRILL_...), the environment before firedrill.yaml, the file before the default. Secrets are
shown as ***. The flags are those of the other commands, to see what they would do.`,
		Example: `  firedrill config
  FIREDRILL_SPEED=2 firedrill config -o json`,
		Args: args(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			if a.config.json() {
				return a.config.writeJSON(a.Stdout)
			}
			return a.config.writeText(a.Stdout)
		},
	}
	var own []key
	for _, k := range keys {
		if !inherited(k) {
			own = append(own, k)
		}
	}
	addFlags(cmd.Flags(), own)
	return cmd
}

// inherited says whether the root command already has the key's flag.
func inherited(k key) bool { return k.name == "log.level" || k.name == "log.format" }

func (c *config) writeText(w io.Writer) error {
	file := c.file
	if file == "" {
		file = "none"
	}
	fmt.Fprintf(w, "configuration file: %s\n\n", file)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "KEY\tVALUE\tFROM")
	for _, k := range keys {
		s := c.get(k.name)
		shown := s.shown()
		if shown == "" {
			shown = "-"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", k.name, shown, s.from)
	}
	return t.Flush()
}

func (c *config) writeJSON(w io.Writer) error {
	type entry struct {
		Key   string `json:"key"`
		Value string `json:"value"`
		From  string `json:"from"`
	}
	out := struct {
		File     string  `json:"file"`
		Settings []entry `json:"settings"`
	}{File: c.file}
	for _, k := range keys {
		s := c.get(k.name)
		out.Settings = append(out.Settings, entry{k.name, s.shown(), s.from})
	}
	return writeJSON(w, out)
}

// writeJSON writes one indented JSON document.
func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
