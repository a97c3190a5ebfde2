// Package recording opens, writes, verifies and slices recordings: metrics, logs and traces of one
// stretch of time, as one directory of formats that other tools read.
//
// [Create] returns a [Writer], which takes items as an importer finds them and leaves either a whole
// recording or nothing. [Open] returns a [Recording], which is a [replay.Source]. [Verify] reads
// everything and lists what is wrong; [Inspect] summarises; [Slice] copies a stretch of time.
//
// # Guarantees
//
// The same input gives a byte-identical recording: no wall clock and no randomness reach the output.
// Reading and writing are streamed; memory grows with the number of series and streams, not with the
// recording's length. Corrupt, truncated and foreign input is answered with an error that names the
// file and the place in it.
//
// The format is described in docs/recording-format.md.
package recording
