package wire

// NewToken is what a facilitator asks for.
type NewToken struct {
	Role    string `json:"role" enum:"facilitator,player,grafana,plugin" doc:"What its holder may do: run the contest, play, read through the gateway for the user whom Grafana names, or play for the user whom the plugin names."`
	Name    string `json:"name" minLength:"1" maxLength:"190" doc:"The login of the facilitator or player; what it is for, of the other roles." example:"ana"`
	Expires Time   `json:"expires,omitzero" doc:"Until when it is good; missing: until it is revoked."`
}

// Token is a bearer token, without its secret.
type Token struct {
	ID        string `json:"id" example:"t0a1b2c3d4e5f"`
	Role      string `json:"role" enum:"facilitator,player,grafana,plugin"`
	Name      string `json:"name" example:"ana"`
	CreatedAt Time   `json:"createdAt"`
	Expires   Time   `json:"expires,omitzero" doc:"Missing: it does not."`
	Revoked   Time   `json:"revoked,omitzero" doc:"Missing: it is good."`
}

// MadeToken is a token that was just made.
type MadeToken struct {
	Token
	Secret string `json:"token" doc:"What its holder sends. It is not kept, and cannot be shown again."`
}

// Revoked names a token that is not good any more.
type Revoked struct {
	ID string `json:"id"`
}
