package httpapi

import (
	"net/http"
	"strings"

	"firedrill/internal/auth"
	"firedrill/internal/challenge"
)

// UserHeader names the player for whom a plugin speaks.
const UserHeader = "X-Firedrill-User"

// Identifier tells who makes a request. A request of nobody who may use the API is a *challenge.Error with Unauthorized
// or Forbidden; the Call returned with it may name whom it was, for the audit. The Call has no Key.
type Identifier func(r *http.Request) (challenge.Call, error)

// Bearer identifies by the token in the header Authorization, whose name is the login. With a plugin's token UserHeader has the
// login of a player; with others it is refused, since whoever sends it believes to be somebody else. Tokens of Grafana open
// nothing.
func Bearer(tokens *auth.Tokens) Identifier {
	return func(r *http.Request) (challenge.Call, error) {
		c := challenge.Call{Remote: remoteHost(r.RemoteAddr)}
		secret, err := bearer(r.Header)
		if err != nil {
			return c, err
		}
		token, err := tokens.Authenticate(r.Context(), secret)
		if err != nil {
			return c, err
		}
		c.Role, c.Name = token.Role, token.Name
		users := r.Header.Values(UserHeader)
		switch token.Role {
		case challenge.FacilitatorRole, challenge.PlayerRole:
			if len(users) > 0 {
				return c, challenge.Errorf(challenge.Forbidden, "only the token of a plugin speaks for others: leave the header %s out", UserHeader)
			}
			return c, nil
		case challenge.PluginRole:
			if len(users) != 1 || auth.CheckName(users[0]) != nil {
				return c, challenge.Errorf(challenge.Forbidden, "a plugin says for whom it speaks: the header %s must be there once and be a login", UserHeader)
			}
			c.Role, c.Name = challenge.PlayerRole, users[0]
			return c, nil
		}
		return c, challenge.Errorf(challenge.Forbidden, "a token of role %s cannot use the API; use one of a player or facilitator", token.Role)
	}
}

// bearer is the token of a request.
func bearer(h http.Header) (string, error) {
	values := h.Values("Authorization")
	switch len(values) {
	case 0:
		return "", challenge.Errorf(challenge.Unauthorized, "there is no token: send Authorization: Bearer and a token")
	case 1:
	default:
		return "", challenge.Errorf(challenge.Unauthorized, "the header Authorization is there more than once")
	}
	scheme, secret, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", challenge.Errorf(challenge.Unauthorized, "the header Authorization must be Bearer and a token")
	}
	return strings.TrimSpace(secret), nil
}
