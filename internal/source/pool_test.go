package source_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"firedrill/internal/source"
	"firedrill/replay/distort"
	"firedrill/replay/recording"
	"firedrill/scenarios"
)

// One who stops waiting does not stop the making of a recording that others wait for, and a panic in it is an error.
func TestOpenMakesRecordings(t *testing.T) {
	library, err := scenarios.Open("")
	if err != nil {
		t.Fatal(err)
	}
	begun, goOn := make(chan struct{}), make(chan struct{})
	pool := source.New(source.Options{Library: library, Builder: &scenarios.Builder{
		Cache: t.TempDir(), CreatedBy: "test", Version: 1,
		Simulate: func(ctx context.Context, _ scenarios.Simulation, _ *recording.Writer) error {
			close(begun)
			<-goOn
			if ctx.Err() != nil {
				t.Error("it was stopped")
			}
			panic("broken simulation")
		},
	}})
	defer pool.Close()
	impatient, leave := context.WithCancel(t.Context())
	left := make(chan error)
	go func() {
		_, err := pool.Open(impatient, "payment-latency", distort.Clean)
		left <- err
	}()
	<-begun
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("who left got %v", err)
	}
	done := make(chan error)
	go func() {
		_, err := pool.Open(t.Context(), "payment-latency", distort.Clean)
		done <- err
	}()
	close(goOn)
	if err := <-done; err == nil || !strings.Contains(err.Error(), "broken simulation") {
		t.Errorf("who stayed got %v", err)
	}
}
