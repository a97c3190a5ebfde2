// Package wire is what the HTTP API sends and takes, as Go types without behaviour: for the server, the client, and the data
// source plugin. docs/http-api.md describes it.
//
// Times are RFC 3339 in UTC with milliseconds, and left out when there is none. Durations are seconds. Whatever has a
// deadline comes with serverTime, so that a countdown can be drawn whatever the client's clock says.
package wire

import (
	"fmt"
	"math"
	"time"
)

// timeFormat is RFC 3339 with milliseconds.
const timeFormat = "2006-01-02T15:04:05.000Z07:00"

// Time is a moment. It is written in UTC, and left out of an object when it is zero.
type Time struct{ time.Time }

// At is the moment t, cut to milliseconds.
func At(t time.Time) Time {
	if t.IsZero() {
		return Time{}
	}
	return Time{t.UTC().Truncate(time.Millisecond)}
}

// MarshalJSON writes RFC 3339 with milliseconds.
func (t Time) MarshalJSON() ([]byte, error) {
	if y := t.UTC().Year(); y < 0 || y > 9999 {
		return nil, fmt.Errorf("year %d is outside of RFC 3339", y)
	}
	return []byte(t.UTC().Format(`"` + timeFormat + `"`)), nil
}

// String writes RFC 3339 with milliseconds.
func (t Time) String() string { return t.UTC().Format(timeFormat) }

// Seconds is a duration.
type Seconds float64

// Sec is a duration in seconds, rounded to milliseconds.
func Sec(d time.Duration) Seconds { return Seconds(math.Round(d.Seconds()*1000) / 1000) }

// Duration is the time.Duration; what does not fit becomes the longest one.
func (s Seconds) Duration() time.Duration {
	d := float64(s) * float64(time.Second)
	switch {
	case math.IsNaN(d):
		return 0
	case d >= math.MaxInt64:
		return math.MaxInt64
	case d <= math.MinInt64:
		return math.MinInt64
	}
	return time.Duration(math.Round(d))
}

// List is a part of a list.
type List[T any] struct {
	Items      []T    `json:"items" doc:"The entries, in the order that the operation says."`
	Next       string `json:"next,omitempty" doc:"Cursor of the next page, for the parameter after; missing at the end."`
	ServerTime Time   `json:"serverTime" doc:"The server's clock."`
}

// Problem is an error, as RFC 9457 has it.
type Problem struct {
	Type       string         `json:"type" doc:"A URN that names the kind of problem: urn:firedrill:problem: and the code." example:"urn:firedrill:problem:locked_out"`
	Title      string         `json:"title" doc:"The kind of problem in words." example:"Locked out after a wrong suspect"`
	Status     int            `json:"status" doc:"The HTTP status." example:"423"`
	Detail     string         `json:"detail" doc:"What was wrong and what to do, for people."`
	Code       string         `json:"code" doc:"The kind of problem, for programs. Codes never change their meaning." example:"locked_out"`
	Field      string         `json:"field,omitempty" doc:"What is invalid: a JSON pointer into the body, or the name of a parameter or header." example:"/timebox"`
	RetryAfter int            `json:"retryAfter,omitempty" doc:"Seconds until it is worth trying again, rounded up; also the header Retry-After."`
	Errors     []ProblemField `json:"errors,omitempty" doc:"Everything that is invalid, when it is more than one thing."`
	Instance   string         `json:"instance,omitempty" doc:"Names this one failure of the server; its log has the same id." example:"urn:firedrill:failure:5f1c0a9be2d34a77"`
}

// ProblemField is one of several things that are invalid.
type ProblemField struct {
	Field  string `json:"field" doc:"A JSON pointer into the body, or the name of a parameter or header."`
	Detail string `json:"detail" doc:"What is wrong with it."`
}

// Me is who the caller is.
type Me struct {
	Name       string `json:"name" doc:"The login."`
	Role       string `json:"role" enum:"facilitator,player" doc:"What the caller may do. Whoever a plugin speaks for is a player."`
	ServerTime Time   `json:"serverTime" doc:"The server's clock."`
}

// ScenarioSummary is what is known of a scenario before it is played.
type ScenarioSummary struct {
	ID         string  `json:"id" doc:"Its name in the library." example:"payment-latency"`
	Title      string  `json:"title" doc:"The symptom in one line."`
	Difficulty string  `json:"difficulty,omitempty" doc:"For whom it is: introductory, intermediate or advanced."`
	Timebox    Seconds `json:"timebox" doc:"How long players have, in seconds." example:"1800"`
}

// Rules are what a wrong suspect costs.
type Rules struct {
	Lockout     Seconds `json:"lockout" doc:"How long nothing can be submitted after a first wrong suspect, in seconds on the session's clock. It doubles with each." example:"120"`
	Penalty     Seconds `json:"penalty" doc:"What each wrong suspect adds to the player's time, in seconds." example:"300"`
	MaxSuspects int     `json:"maxSuspects" doc:"The most suspects of one submission." example:"5"`
}

// AuditEntry is something that a facilitator did, or that was refused to anybody.
type AuditEntry struct {
	ID      int64  `json:"id"`
	At      Time   `json:"at"`
	Actor   string `json:"actor,omitempty" doc:"Login; missing when nobody was identified."`
	Role    string `json:"role,omitempty"`
	Remote  string `json:"remote,omitempty" doc:"Address of the client."`
	Action  string `json:"action" example:"session.pause"`
	Subject string `json:"subject,omitempty" doc:"ID of the session or round."`
	Detail  string `json:"detail,omitempty"`
	Refused bool   `json:"refused" doc:"Whether it was refused."`
}
