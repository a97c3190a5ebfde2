// Package replay delivers a recording to real back ends on wall-clock time.
//
// A [Source] yields items in order of their due time, the engine rebases them (times, times inside
// values, ids) and pushes them to a [Sink] per signal: history in bulk, then live, each item when it
// is due. One clock serves all three signals.
package replay
