package cli

import (
	"fmt"
	"strings"
)

// Exit codes of every command. Scripts rely on them: extend the list, never renumber it.
const (
	exitOK         = 0   // what was asked for is done
	exitFailed     = 1   // a check found a difference or a fault, a suspect is wrong, or anything not listed here
	exitUsage      = 2   // a wrong command, flag, argument or configuration
	exitBackEnd    = 3   // a back end or the server cannot be reached or refused what it was sent
	exitInput      = 4   // the input cannot be read: missing, foreign, truncated or corrupt
	exitStack      = 5   // the local stack cannot be started
	exitInterrupt  = 130 // 128 + SIGINT, as shells count
	exitTerminated = 143 // 128 + SIGTERM
)

// exitCodes is the table that help and docs/cli.md print.
var exitCodes = []struct {
	code    int
	meaning string
}{
	{exitOK, "done; for verify and proofs: everything agrees"},
	{exitFailed, "verify or a proof found a difference, a submitted suspect is wrong, or any failure not listed below"},
	{exitUsage, "wrong command, flag, argument or configuration"},
	{exitBackEnd, "a back end or the server cannot be reached or refused what it was sent"},
	{exitInput, "the input cannot be read: missing, foreign, truncated or corrupt"},
	{exitStack, "the local stack cannot be started"},
	{exitInterrupt, "interrupted before the end (SIGINT)"},
	{exitTerminated, "terminated before the end (SIGTERM)"},
}

// exitCodeHelp is the table as help prints it.
func exitCodeHelp() string {
	var b strings.Builder
	b.WriteString("Exit codes:\n")
	for _, e := range exitCodes {
		fmt.Fprintf(&b, "  %-4d %s\n", e.code, e.meaning)
	}
	return b.String()
}
