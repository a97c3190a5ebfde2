package wire

// Session is one run of a scenario, as everybody in it sees it.
type Session struct {
	ID         string `json:"id" example:"s3f9c01d2a4b7"`
	Title      string `json:"title" example:"Payments are slow"`
	Mode       string `json:"mode" enum:"solo,live,round" doc:"solo: one player; live: everybody at once; round: one player's own session of a round."`
	Scenario   string `json:"scenario" example:"payment-latency"`
	Difficulty string `json:"difficulty" enum:"clean,normal,hard" doc:"How the evidence is distorted."`
	Round      string `json:"round,omitempty" doc:"ID of the round, of the mode round."`
	CreatedBy  string `json:"createdBy"`
	CreatedAt  Time   `json:"createdAt"`

	State     string  `json:"state" enum:"scheduled,loading,lobby,live,paused,ended,debrief"`
	PageAt    Time    `json:"pageAt,omitzero" doc:"When the page comes, or came; missing while it is not planned."`
	Timebox   Seconds `json:"timebox" doc:"How long the clock runs, in seconds, extensions included." example:"1800"`
	Closes    Time    `json:"closes,omitzero" doc:"When the session ends whatever its clock says: the end of the round."`
	Clock     Clock   `json:"clock"`
	Deadline  Time    `json:"deadline,omitzero" doc:"When the session ends if nothing changes; missing before the time of the page is known, and mostly while it is paused."`
	Remaining Seconds `json:"remaining" doc:"What is left until the end, in seconds; it stands while the session is paused."`
	Speed     float64 `json:"speed" doc:"How fast the evidence goes. The clock runs in wall time all the same." example:"1"`
	Unranked  bool    `json:"unranked" doc:"Whether the session is left out of the leaderboards of rounds and seasons."`

	EndedAt    Time   `json:"endedAt,omitzero"`
	EndReason  string `json:"endReason,omitempty" enum:"timebox,solved,facilitator,failed"`
	Failure    string `json:"failure,omitempty" doc:"Why the session could not be played."`
	Revealed   Time   `json:"revealed,omitzero" doc:"When the answer was opened."`
	Version    int64  `json:"version" doc:"Rises with everything that people can see of the session."`
	ServerTime Time   `json:"serverTime" doc:"The server's clock: the time left is deadline minus this."`
}

// Clock is the clock of the contest.
type Clock struct {
	Start   Time    `json:"start,omitzero" doc:"When it starts, or has started; missing before that is known."`
	Elapsed Seconds `json:"elapsed" doc:"How long it has run, in seconds, pauses left out."`
	Paused  bool    `json:"paused" doc:"Whether it stands."`
}

// NewSession is what somebody asks for.
type NewSession struct {
	Scenario   string  `json:"scenario" maxLength:"100" doc:"ID of a scenario." example:"payment-latency"`
	Title      string  `json:"title,omitempty" maxLength:"200" doc:"In one line; default: the scenario's."`
	Mode       string  `json:"mode" enum:"solo,live" doc:"Players create solo sessions only, which they have joined then." example:"live"`
	Difficulty string  `json:"difficulty,omitempty" enum:"clean,normal,hard" doc:"How the evidence is distorted; default: normal."`
	Timebox    Seconds `json:"timebox,omitempty" minimum:"60" maximum:"86400" doc:"In seconds; default: the scenario's." example:"1800"`
	PageAt     Time    `json:"pageAt,omitzero" doc:"When the page comes; default: as soon as possible after somebody starts the session."`
}

// Schedule plans the page.
type Schedule struct {
	PageAt Time `json:"pageAt,omitzero" doc:"When the page comes; missing: when somebody starts the session."`
}

// Speed changes how fast the evidence goes.
type Speed struct {
	Speed float64 `json:"speed" doc:"Recorded seconds a second." example:"2"`
}

// Extension adds to the time box.
type Extension struct {
	By Seconds `json:"by" minimum:"1" maximum:"14400" doc:"In seconds." example:"600"`
}

// Announcement is a message to all players.
type Announcement struct {
	Text string `json:"text" minLength:"1" maxLength:"4096" doc:"In Markdown, at most 4096 bytes."`
}

// Inject names an event that the scenario keeps ready.
type Inject struct {
	Inject string `json:"inject" minLength:"1" maxLength:"200" doc:"Its ID, from the facilitator's briefing." example:"customer-calls"`
}

// Join names what to join.
type Join struct {
	ID string `json:"id" minLength:"1" maxLength:"64" doc:"ID of a session, or of a round." example:"r0b1c2d3e4f5a"`
}

// Participant is a player in a session.
type Participant struct {
	Player   string `json:"player"`
	JoinedAt Time   `json:"joinedAt"`
}

// Event is one entry of a timeline.
type Event struct {
	ID      int64  `json:"id,omitempty" doc:"Missing for those that follow from the scenario."`
	At      Time   `json:"at"`
	Kind    string `json:"kind" enum:"page,change,announcement,inject,state"`
	Service string `json:"service,omitempty" doc:"What was changed, or what the alert is about."`
	Title   string `json:"title" doc:"Of a change: deploy, flag, config, infrastructure or data."`
	Text    string `json:"text,omitempty" doc:"Markdown of announcements and injects."`
	Author  string `json:"author,omitempty"`
}

// Round is a scenario opened for a window of time.
type Round struct {
	ID         string  `json:"id" example:"r0b1c2d3e4f5a"`
	Title      string  `json:"title"`
	Scenario   string  `json:"scenario"`
	Difficulty string  `json:"difficulty" enum:"clean,normal,hard"`
	Season     string  `json:"season,omitempty" doc:"Rounds of one season are ranked together."`
	Opens      Time    `json:"opens" doc:"From when on people can join."`
	Closes     Time    `json:"closes" doc:"When all its sessions end."`
	Timebox    Seconds `json:"timebox" doc:"In seconds; whoever joins late has what is left of the window."`
	CreatedBy  string  `json:"createdBy"`
	CreatedAt  Time    `json:"createdAt"`
	Revealed   Time    `json:"revealed,omitzero" doc:"When the answer was opened."`
	Version    int64   `json:"version"`
	ServerTime Time    `json:"serverTime" doc:"The server's clock."`
}

// NewRound is what a facilitator asks for.
type NewRound struct {
	Scenario   string  `json:"scenario" maxLength:"100" doc:"ID of a scenario." example:"payment-latency"`
	Title      string  `json:"title,omitempty" maxLength:"200" doc:"In one line; default: the scenario's."`
	Difficulty string  `json:"difficulty,omitempty" enum:"clean,normal,hard" doc:"How the evidence is distorted; default: normal."`
	Season     string  `json:"season,omitempty" maxLength:"100" doc:"Rounds of one season are ranked together."`
	Opens      Time    `json:"opens,omitzero" doc:"From when on people can join; default: now."`
	Closes     Time    `json:"closes" doc:"When all sessions of the round end."`
	Timebox    Seconds `json:"timebox,omitempty" minimum:"60" maximum:"86400" doc:"In seconds; default: the scenario's."`
}

// Briefing is what the players of a session may know.
type Briefing struct {
	Scenario   string           `json:"scenario" doc:"Its ID."`
	Title      string           `json:"title"`
	Difficulty string           `json:"difficulty,omitempty" doc:"For whom it is: introductory, intermediate or advanced."`
	Brief      string           `json:"brief" doc:"Markdown."`
	Timebox    Seconds          `json:"timebox" doc:"The scenario's, in seconds; the session may have another."`
	Page       *Page            `json:"page,omitempty" doc:"The alert; missing before it has come."`
	Services   []Service        `json:"services" doc:"The catalogue."`
	Diagram    string           `json:"diagram,omitempty" doc:"A Mermaid flowchart of the services."`
	Suspects   *Suspects        `json:"suspects,omitempty" doc:"What to choose from; missing before the page has come."`
	Injects    []PreparedInject `json:"injects,omitempty" doc:"Events that are kept ready; for facilitators only."`
	Rules      Rules            `json:"rules"`
	ServerTime Time             `json:"serverTime" doc:"The server's clock."`
}

// Page is the alert that calls the player in.
type Page struct {
	At     Time              `json:"at"`
	Alert  string            `json:"alert"`
	Labels map[string]string `json:"labels,omitempty" doc:"Of the alert."`
}

// Service is one entry of the catalogue.
type Service struct {
	Name        string   `json:"name" doc:"As in the telemetry."`
	Description string   `json:"description"`
	Owner       string   `json:"owner" doc:"The team to ask."`
	Tier        int      `json:"tier,omitempty" doc:"1: everything depends on it, to 4: nobody waits for it."`
	Language    string   `json:"language,omitempty"`
	Links       []Link   `json:"links,omitempty"`
	DependsOn   []string `json:"dependsOn,omitempty" doc:"The services that it calls."`
}

// Link is a title and an address.
type Link struct {
	Title string `json:"title"`
	URL   string `json:"url"`
}

// Suspects are the closed lists of a scenario.
type Suspects struct {
	Components []string `json:"components"`
	Causes     []Cause  `json:"causes"`
}

// Cause is one kind of fault.
type Cause struct {
	ID    string `json:"id" example:"slow-dependency"`
	Title string `json:"title"`
}

// PreparedInject is an event that a facilitator can add to the timeline.
type PreparedInject struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Text  string `json:"text" doc:"Markdown."`
}
