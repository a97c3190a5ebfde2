// Package challenge is the contest around a replayed incident: sessions and rounds, who takes part, what
// they suspect, how they rank, and what facilitators do.
//
// Service holds the rules and is the only way in; Store keeps the state (package store); what the right answer is
// only package grade knows. The package replays nothing: a runner looks at Service.Work and reports back with
// Service.Advance.
//
// # Clock
//
// One clock counts, the server's. A session's Clock says when the page came and when it was paused; how long a player took is the
// time on it, and whether the time box is over is decided when something is asked, not when a timer fires. A
// session keeps its clock over restarts and when another replica of the server takes it over.
//
// # Secrets
//
// Nothing here but a Debrief, which exists only after the end, tells the answer: not errors, logs, events or metrics.
package challenge
