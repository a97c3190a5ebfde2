// Package httpapi is the contest over HTTP: REST under /api/v1, described by OpenAPI 3.1, and server-sent events for the state
// of sessions. [New] makes the handler, [NewServer] the server for it and whatever else is served.
//
// Handlers translate between package wire and [challenge.Service], which decides who may do what; here is decided only which
// operations are for facilitators.
//
// # Guarantees
//
// Every request is bounded: its header, body, time and rate, and the streams that it opens. Errors are RFC 9457 problems with
// a stable code, and tell nothing of the server's insides: what is unexpected is in the log under an id that the
// problem names. Refusals are audited, at a bounded rate.
package httpapi
