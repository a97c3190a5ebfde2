package stack_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"firedrill/internal/stack"
)

// parentEnv makes the test binary play firedrill: it starts a stack in the folder that the variable
// names, prints the process ids, and waits to be killed.
const parentEnv = "FIREDRILL_TEST_STACK_PARENT"

func TestMain(m *testing.M) {
	if dir := os.Getenv(parentEnv); dir != "" {
		playParent(dir, os.Getenv(parentEnv+"_BIN"))
		return
	}
	goleak.VerifyTestMain(m)
}

func playParent(dir, bin string) {
	s, err := stack.Start(context.Background(), stack.Options{Dir: dir, Bin: bin, AutoPorts: true})
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	for _, name := range stack.Names {
		fmt.Println(s.PID(name))
	}
	fmt.Println("end")
	select {}
}
