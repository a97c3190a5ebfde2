package challenge

import "time"

// Role says what the holder of a token may do.
type Role string

// The roles.
const (
	FacilitatorRole Role = "facilitator" // everything
	PlayerRole      Role = "player"      // what a player does, as the one the token is for
	GrafanaRole     Role = "grafana"     // reads through the gateway, as the user whom Grafana names
	PluginRole      Role = "plugin"      // what a player does, as the user whom the data source plugin names
)

// Token is a bearer token. Only its hash is kept.
type Token struct {
	ID   string // public, to list and revoke it
	Role Role
	Name string // of the player or facilitator; what it is for, of the other roles
	// Hash is the SHA-256 of the token: it is random and long, so that a slow hash would gain nothing.
	Hash      [32]byte
	CreatedAt time.Time
	Expires   time.Time // zero is never
	Revoked   time.Time // zero is not
}

// Valid tells whether the token is good at a wall time.
func (t *Token) Valid(now time.Time) bool {
	return t.Revoked.IsZero() && (t.Expires.IsZero() || now.Before(t.Expires))
}

// Call says who asks the Service for something.
type Call struct {
	Role   Role   // FacilitatorRole or PlayerRole: whoever the plugin or Grafana speaks for is a player
	Name   string // of the facilitator or player
	Remote string // address of the client, for the audit
	// Key is an idempotency key: a second call of the same actor with the same key changes nothing and returns what the
	// first did. It may be "" except in Submit.
	Key string
}
