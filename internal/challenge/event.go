package challenge

import "time"

// EventKind says what happened in a session.
type EventKind string

// The kinds. Page and Change are not stored: they follow from the scenario and the clock.
const (
	PageEvent    EventKind = "page"         // the alert
	ChangeEvent  EventKind = "change"       // an entry of the change log
	Announcement EventKind = "announcement" // a facilitator's message to all
	Injected     EventKind = "inject"       // an event that the scenario has prepared
	StateEvent   EventKind = "state"        // started, paused, resumed, extended, ended, revealed
)

// Event is one entry of a session's timeline, which all its players see.
type Event struct {
	ID      int64 // 0 for those that are not stored
	Session string
	At      time.Time
	Kind    EventKind
	Service string // of a change
	Title   string
	Text    string
	Author  string
}

// AuditEntry is something that a facilitator did, or that was refused to anybody.
type AuditEntry struct {
	ID      int64
	At      time.Time
	Actor   string
	Role    Role
	Remote  string // address of the client
	Action  string // such as session.pause or gateway.refused
	Session string // or the round's ID; may be ""
	Detail  string
	Refused bool
}

// Backend names a data source of the gateway.
type Backend string

// The back ends.
const (
	PrometheusBackend Backend = "prometheus"
	LokiBackend       Backend = "loki"
	JaegerBackend     Backend = "jaeger"
)

// TrailEntry is one question that a player asked a back end.
type TrailEntry struct {
	ID       int64
	Session  string
	Player   string
	At       time.Time
	Backend  Backend
	Endpoint string // such as query_range
	Query    string // in the language of the back end, cut at MaxTrailQuery bytes
	// From and To are the range that was asked for; both are the same for an instant, zero where there is none.
	From, To time.Time
	Status   int // of HTTP
	Took     time.Duration
	Bytes    int64
}

// MaxTrailQuery bounds TrailEntry.Query, in bytes.
const MaxTrailQuery = 4096
