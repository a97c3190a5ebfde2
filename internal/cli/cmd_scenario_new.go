package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"firedrill/scenarios"
)

func (a *app) newCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "new DIR [-o text|json]",
		Short: "Begin a scenario: a folder of three files with comments, which can be played",
		Long: `Write a small scenario into a folder that does not exist yet: what players see, the system that is
simulated, and the answer key. The folder's name becomes its id, and should name the symptom, never the
mechanism. docs/scenario-authoring.md goes on from there.`,
		Example: "  firedrill scenario new slow-checkout",
		Args:    args(1, 1, "one folder"),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := scenarios.New(args[0]); err != nil {
				return fail(exitUsage, err, "")
			}
			if a.config.json() {
				return writeJSON(a.Stdout, struct {
					Dir string `json:"dir"`
				}{args[0]})
			}
			_, err := fmt.Fprintln(a.Stdout, args[0])
			return err
		},
	}
	addFlags(cmd.Flags(), keysIn("output"))
	return cmd
}
