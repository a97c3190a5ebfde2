// Package source opens what sessions play: the recording of a scenario, distorted as its difficulty says, decoded once
// for all sessions that play it.
//
// Pool is the entry point; a Source that it opens is a replay.Source.
//
// # Sharing
//
// A recording is decoded in stretches of recorded time, when the first session needs them, and stretches are kept, those that
// were used last, up to a number of bytes. What a session may change it gets as a copy.
package source
