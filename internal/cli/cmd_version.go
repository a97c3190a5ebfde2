package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Version overrides what the build information says: go build -ldflags "-X firedrill/internal/cli.Version=v1.2.3".
var Version string

// buildVersion is what `firedrill version` prints.
type buildVersion struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Modified bool   `json:"modified,omitempty"` // built from a tree with changes that are not in Commit
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func readVersion() buildVersion {
	v := buildVersion{Version: Version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if ok {
		if v.Version == "" {
			v.Version = info.Main.Version
		}
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				v.Commit = s.Value
			case "vcs.modified":
				v.Modified = s.Value == "true"
			}
		}
	}
	if v.Version == "" {
		v.Version = "(devel)"
	}
	return v
}

func (a *app) versionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "version [-o text|json]",
		Short:   "Print the version and what it was built from",
		Example: "  firedrill version\n  firedrill version -o json",
		Args:    args(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			v := readVersion()
			if a.config.json() {
				return writeJSON(a.Stdout, v)
			}
			commit := v.Commit
			if commit == "" {
				commit = "unknown"
			}
			if v.Modified {
				commit += " with changes"
			}
			_, err := fmt.Fprintf(a.Stdout, "firedrill %s\ncommit %s, %s, %s\n", v.Version, commit, v.Go, v.Platform)
			return err
		},
	}
	addFlags(cmd.Flags(), keysIn("output"))
	return cmd
}
