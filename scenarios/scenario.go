// Package scenarios loads scenarios: a recording, or a system to simulate, with a brief, a page and a
// time box, and apart from them the answer key.
//
// Each folder of this directory that has a scenario.yaml is one scenario of the program; [Open] finds
// those and the ones of another directory, [Load] reads one from any folder. A scenario is up to three files, described in docs/scenario-authoring.md:
// scenario.yaml ([Scenario]) is what players may see, system.yaml is the simulated system while it is
// healthy, answer.yaml ([Answer]) is the key with the faults that are injected.
//
// # Guarantees
//
// The files are read strictly: an unknown key, a missing one or a value that cannot be is an error
// with file and line. A Scenario holds nothing of its answer, and no error about an answer.yaml
// quotes a value of it.
package scenarios

import (
	"io/fs"
	"path/filepath"
	"time"

	"firedrill/replay/distort"
)

// Names of a scenario's files in its folder.
const (
	File       = "scenario.yaml"
	SystemFile = "system.yaml"
	AnswerFile = "answer.yaml"
)

// Version is the only version of scenario.yaml and answer.yaml so far.
const Version = 1

// Scenario is what scenario.yaml says: all that players and facilitators may see before the end.
type Scenario struct {
	// Version of the format: 1.
	Version int `yaml:"version" jsonschema:"required"`
	// ID is the folder's name. It names the symptom, never the mechanism.
	ID string `yaml:"id" jsonschema:"required"`
	// Title is one line. It names the symptom, never the mechanism.
	Title string `yaml:"title" jsonschema:"required"`
	// Difficulty tells for whom the scenario is.
	Difficulty Difficulty `yaml:"difficulty"`
	// Brief is what the player may know at the start, in Markdown.
	Brief string `yaml:"brief" jsonschema:"required"`
	// Page is the alert that calls the player in.
	Page Page `yaml:"page" jsonschema:"required"`
	// Timebox is how long the player has, counted from the page.
	Timebox Duration `yaml:"timebox" jsonschema:"required"`
	// History is how much recorded time before the page is loaded; without it, all there is.
	History Duration `yaml:"history"`

	// Recording is the recording's folder, relative to the scenario's. Exactly one of recording and system is set.
	Recording string `yaml:"recording"`
	// System is the file that describes the simulated system: system.yaml.
	System string `yaml:"system"`
	// Seed decides everything random in a simulation.
	Seed uint64 `yaml:"seed"`
	// Start is the recorded time at which a simulation starts, RFC 3339.
	Start Time `yaml:"start"`
	// Length is how much recorded time is simulated.
	Length Duration `yaml:"length"`

	// Services is the catalogue: every part of the system that a player may look up.
	Services []Service `yaml:"services"`
	// Diagram is a Mermaid flowchart whose nodes are services of the catalogue; the node users stands for people outside.
	Diagram string `yaml:"diagram"`
	// Changes is the change log, in order of time, most of it innocent.
	Changes []Change `yaml:"changes"`
	// Injects are events that a facilitator can add to the timeline of a session while it runs.
	Injects []Inject `yaml:"injects"`
	// Suspects are what players can choose from.
	Suspects Suspects `yaml:"suspects"`
	// Distortions degrade the evidence while it is replayed. --difficulty chooses a preset instead.
	Distortions []distort.Distortion `yaml:"distortions"`

	dir    string // "" for a scenario of the program
	folder fs.FS  // the scenario's folder
}

// Difficulty tells for whom a scenario is.
type Difficulty string

// The difficulties.
const (
	Introductory Difficulty = "introductory" // suits a first-timer
	Intermediate Difficulty = "intermediate"
	Advanced     Difficulty = "advanced"
)

var difficulties = []Difficulty{Introductory, Intermediate, Advanced}

// Page is the moment that calls the player in.
type Page struct {
	// At is when the page comes: a duration from the recording's start, or RFC 3339.
	At Moment `yaml:"at" jsonschema:"required"`
	// Alert is the alert's text.
	Alert string `yaml:"alert" jsonschema:"required"`
	// Labels are those of the alert, such as severity and service.
	Labels map[string]string `yaml:"labels"`
}

// Service is one entry of the service catalogue.
type Service struct {
	// Name as it appears in the telemetry.
	Name string `yaml:"name" jsonschema:"required"`
	// Description says in a sentence what it does.
	Description string `yaml:"description" jsonschema:"required"`
	// Owner is the team to ask.
	Owner string `yaml:"owner" jsonschema:"required"`
	// Tier is how critical it is: 1 (everything depends on it) to 4 (nobody waits for it).
	Tier int `yaml:"tier"`
	// Language or product, such as go, java or postgresql.
	Language string `yaml:"language"`
	// Links lead to runbooks, repositories and dashboards.
	Links []Link `yaml:"links"`
	// DependsOn names the services that it calls.
	DependsOn []string `yaml:"depends_on"`
}

// Link is a title and an address.
type Link struct {
	// Title is what to show.
	Title string `yaml:"title" jsonschema:"required"`
	// URL is an absolute address, or a path on the server that shows it.
	URL string `yaml:"url" jsonschema:"required"`
}

// Change is one entry of the change log.
type Change struct {
	// At is a duration from the recording's start (negative before it), or RFC 3339.
	At Moment `yaml:"at" jsonschema:"required"`
	// Kind of the change.
	Kind ChangeKind `yaml:"kind" jsonschema:"required"`
	// Service of the catalogue that was changed.
	Service string `yaml:"service" jsonschema:"required"`
	// Summary is one line, as its author wrote it.
	Summary string `yaml:"summary" jsonschema:"required"`
	// Author is who made it.
	Author string `yaml:"author" jsonschema:"required"`
}

// ChangeKind is the kind of a Change.
type ChangeKind string

// The kinds of changes.
const (
	Deploy         ChangeKind = "deploy"
	Flag           ChangeKind = "flag"
	Config         ChangeKind = "config"
	Infrastructure ChangeKind = "infrastructure"
	Data           ChangeKind = "data"
)

var changeKinds = []ChangeKind{Deploy, Flag, Config, Infrastructure, Data}

// Inject is an event that is kept ready for a facilitator: a call from a customer, a question of the management, a
// colleague with a theory. It changes nothing in the telemetry, and gives nothing away.
type Inject struct {
	// ID is lower-case words with hyphens, unique in the file.
	ID string `yaml:"id" jsonschema:"required"`
	// Title is one line, such as who speaks, unique in the file.
	Title string `yaml:"title" jsonschema:"required"`
	// Text is what players read, in Markdown.
	Text string `yaml:"text" jsonschema:"required"`
}

// Suspects are the closed lists from which a player names a component and a cause.
type Suspects struct {
	// Components are services of the catalogue.
	Components []string `yaml:"components" jsonschema:"required"`
	// Causes are the kinds of fault to choose from.
	Causes []Cause `yaml:"causes" jsonschema:"required"`
}

// Cause is one kind of fault that a player may name.
type Cause struct {
	// ID is lower-case words with hyphens.
	ID string `yaml:"id" jsonschema:"required"`
	// Title is what players read.
	Title string `yaml:"title" jsonschema:"required"`
}

// Dir is the scenario's folder, "" for a scenario of the program.
func (s *Scenario) Dir() string { return s.dir }

// Begin is the moment from which the scenario's durations count, in a recording that starts at start: the first
// item of a simulation comes a little after the simulation begins.
func (s *Scenario) Begin(start time.Time) time.Time {
	if s.System == "" {
		return start
	}
	return s.Start.Time
}

// Path is how errors and lists name one of the scenario's files.
func (s *Scenario) Path(file string) string {
	if s.dir == "" {
		return "scenarios/" + s.ID + "/" + file
	}
	return filepath.Join(s.dir, file)
}

// service returns an entry of the catalogue, nil when there is none of that name.
func (s *Scenario) service(name string) *Service {
	for i := range s.Services {
		if s.Services[i].Name == name {
			return &s.Services[i]
		}
	}
	return nil
}
