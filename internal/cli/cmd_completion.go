package cli

import "github.com/spf13/cobra"

func (a *app) completionCommand() *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:       "completion bash|zsh|fish|powershell",
		Short:     "Print a script that completes firedrill's commands and flags in a shell",
		Example:   "  firedrill completion bash > /etc/bash_completion.d/firedrill",
		ValidArgs: shells,
		Args:      args(1, 1, "bash, zsh, fish or powershell"),
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(a.Stdout, true)
			case "zsh":
				return root.GenZshCompletion(a.Stdout)
			case "fish":
				return root.GenFishCompletion(a.Stdout, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(a.Stdout)
			}
			return usagef("unknown shell %q, expected bash, zsh, fish or powershell", args[0])
		},
	}
}
