package rebase_test

import (
	"firedrill/replay/rebase"
	"testing"
)

func BenchmarkIDs(b *testing.B) {
	x := rebase.NewIDs([32]byte{1, 2, 3})
	b.Run("id=trace", func(b *testing.B) {
		b.ReportAllocs()
		id := [16]byte{1, 2, 3}
		for b.Loop() {
			id = x.Trace(id)
		}
	})
	b.Run("id=span", func(b *testing.B) {
		b.ReportAllocs()
		id := [8]byte{1, 2, 3}
		for b.Loop() {
			id = x.Span(id)
		}
	})
}
