package gateway

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"firedrill/internal/challenge"
)

const (
	userHeader = "X-Grafana-User"
	maxLogin   = 190 // bytes; the column of Grafana's database (pkg/services/sqlstore/migrations/user_mig.go)
	maxBearer  = 512 // bytes
)

// identify finds out who asks, and which session they may read.
func (g *Gateway) identify(r *http.Request) (player string, s challenge.Session, p *problem) {
	if p := g.authenticate(r); p != nil {
		return "", s, p
	}
	player, ok := login(r.Header)
	if !ok {
		return "", s, refusal(http.StatusForbidden, reasonUser,
			"Grafana did not say who you are: sign in to Grafana; it must run with send_user_header = true in [dataproxy]")
	}
	s, p = g.playerSession(r.Context(), player)
	return player, s, p
}

// authenticate checks that Grafana asks.
func (g *Gateway) authenticate(r *http.Request) *problem {
	bad := refusal(http.StatusUnauthorized, reasonToken, "the data source has no valid token: its Authorization header must be Bearer and a token of role grafana")
	values := r.Header["Authorization"]
	if len(values) != 1 || len(values[0]) > maxBearer {
		return bad
	}
	scheme, bearer, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") || bearer == "" {
		return bad
	}
	now := g.o.Now()
	key := sha256.Sum256([]byte(bearer))
	token, ok := g.tokens.get(key, now)
	if !ok {
		var err error
		token, err = g.o.Authenticate(r.Context(), bearer)
		if err != nil {
			if code(err) == challenge.Unauthorized {
				return bad
			}
			return trouble(err, "Firedrill cannot check tokens just now: try again")
		}
		// Only good ones are kept: guesses must not push them out.
		g.tokens.put(key, token, now)
	}
	switch {
	case !token.Valid(now):
		return bad
	case token.Role != challenge.GrafanaRole:
		return refusal(http.StatusForbidden, reasonRole, "this token is not for data sources: they need one of role grafana")
	}
	return nil
}

// login returns the user whom Grafana names.
func login(h http.Header) (string, bool) {
	values := h[userHeader]
	if len(values) != 1 {
		return "", false
	}
	v := values[0]
	return v, v != "" && len(v) <= maxLogin && utf8.ValidString(v) && strings.TrimSpace(v) == v && !strings.ContainsFunc(v, control)
}

// playerSession finds the session that a player may read, as it stands now.
func (g *Gateway) playerSession(ctx context.Context, player string) (challenge.Session, *problem) {
	now := g.o.Now()
	found, ok := g.sessions.get(player, now)
	if !ok {
		s, err := g.o.Sessions.PlayerSession(ctx, player)
		if err != nil && code(err) != challenge.NoSession {
			return s, trouble(err, "Firedrill cannot look up your session just now: try again")
		}
		found = membership{s, err == nil}
		g.sessions.put(player, found, now)
	}
	if !found.joined {
		return challenge.Session{}, refusal(http.StatusForbidden, reasonSession, "You have not joined a session. %s and join one; its evidence appears here.", g.joinPage())
	}
	s := found.session.AsOf(now)
	if s.State == challenge.Scheduled {
		return s, refusal(http.StatusForbidden, reasonSession, "Your session %q has not started yet: its evidence appears here once it has.", s.Title)
	}
	// The history shows how the incident begins: who could read it before the clock runs would have more time than others.
	switch {
	case s.State == challenge.Loading || s.State == challenge.Lobby:
		return s, refusal(http.StatusForbidden, reasonSession, "Your session %q is being loaded: its evidence appears here with the page.", s.Title)
	case s.State.Over() && s.Clock.Page.IsZero():
		return s, refusal(http.StatusForbidden, reasonSession, "Your session %q ended before its page came: there is no evidence of it. %s and join another one.", s.Title, g.joinPage())
	}
	return s, nil
}

// membership is whether a player has joined a session, and which.
type membership struct {
	session challenge.Session
	joined  bool
}

func (g *Gateway) joinPage() string {
	if g.o.JoinURL == "" {
		return "Open Firedrill"
	}
	return "Open " + g.o.JoinURL
}

// evidence returns what stands behind a session, and the last recorded time of it that the player may know.
func (g *Gateway) evidence(ctx context.Context, s challenge.Session) (ev Evidence, horizon int64, p *problem) {
	now := g.o.Now()
	ev, ok := g.evidences.get(s.ID, now)
	if !ok {
		var err error
		if ev, err = g.o.Evidence(ctx, s); err != nil {
			return ev, 0, trouble(err, "The evidence of your session cannot be read just now: try again")
		}
		g.evidences.put(s.ID, ev, now)
	}
	return ev, ev.Timeline.Recorded(lastSent(s, now).UnixNano()), nil
}

// lastSent is the wall time after which nothing of a session was sent.
func lastSent(s challenge.Session, now time.Time) time.Time {
	if s = s.AsOf(now); !s.EndedAt.IsZero() && s.EndedAt.Before(now) {
		return s.EndedAt
	}
	return now
}

func code(err error) challenge.Code {
	var e *challenge.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}
