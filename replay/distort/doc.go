// Package distort degrades a recording while it is replayed, as declared: it loses, delays or changes
// evidence the way real collection does, so that one recording gives several difficulties.
//
// [New] wraps a [replay.Source] in a [Source] that applies a list of [Distortion]; [Preset] makes the list
// for a difficulty. Each kind is described in docs/distortions.md.
//
// # Guarantees
//
// The same list and seed distort the same recording in the same way, wherever reading begins: each decision is a
// hash of the item's identity, keyed with the seed, and what depends on neighbours (the first sample of a
// gap, the lines of a second) reads back as far as it needs. Distortions are applied in the order of
// the list. Nothing is due before its time, samples of one series and lines of one stream keep their order,
// and what a distortion does not name is untouched. Memory is bounded by the number of series and streams and by
// what is held back at a time.
package distort
