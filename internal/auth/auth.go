// Package auth makes bearer tokens and checks them.
//
// A token is shown once, when it is made; the store keeps its SHA-256 only. [Tokens] is the entry point.
//
// # Guarantees
//
// A revocation holds within [Fresh] in every process on the store. What is kept in memory is bounded, whatever clients send.
package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"firedrill/internal/challenge"
)

// MaxName bounds the name of a token and the login of a player, in bytes. It is what Grafana allows for a login.
const MaxName = 190

const (
	prefix      = "fd_" // lets scanners for secrets find tokens
	secretBytes = 32
)

// letters stand in a token for its role, so that people can tell their tokens apart. What a token may do is
// decided by what the store says.
var letters = map[challenge.Role]string{
	challenge.FacilitatorRole: "f",
	challenge.PlayerRole:      "p",
	challenge.GrafanaRole:     "g",
	challenge.PluginRole:      "x",
}

// Tokens makes and checks tokens. It is safe for concurrent use.
type Tokens struct {
	store challenge.Store
	now   func() time.Time
	cache cache
}

// New returns the Tokens of a store; a nil now is time.Now.
func New(store challenge.Store, now func() time.Time) *Tokens {
	if now == nil {
		now = time.Now
	}
	return &Tokens{store: store, now: now}
}

// Made is a token that was just made: the only time that its secret is known.
type Made struct {
	Secret string // what a client sends
	Token  challenge.Token
}

// Create makes a token; a zero expires is never. The name is the player's or facilitator's, who is told apart by it, and says
// what the token is for with the other roles. Errors about the arguments are *challenge.Error with Invalid.
func (t *Tokens) Create(ctx context.Context, role challenge.Role, name string, expires time.Time) (secret string, token challenge.Token, err error) {
	m, err := t.generate(role, name, expires)
	if err != nil {
		return "", challenge.Token{}, err
	}
	err = t.store.Update(ctx, func(tx challenge.Tx) error { return tx.InsertToken(m.Token) })
	if err != nil {
		return "", challenge.Token{}, fmt.Errorf("store token: %w", err)
	}
	return m.Secret, m.Token, nil
}

func (t *Tokens) generate(role challenge.Role, name string, expires time.Time) (Made, error) {
	letter, ok := letters[role]
	if !ok {
		return Made{}, &challenge.Error{Code: challenge.Invalid, Field: "role", Text: fmt.Sprintf("no role %q: use facilitator, player, grafana or plugin", role)}
	}
	if err := CheckName(name); err != nil {
		return Made{}, err
	}
	now := t.now()
	if !expires.IsZero() && !now.Before(expires) {
		return Made{}, &challenge.Error{Code: challenge.Invalid, Field: "expires", Text: "the token would have expired already"}
	}
	random := make([]byte, secretBytes)
	_, _ = rand.Read(random) // never fails: it ends the program rather
	secret := prefix + letter + "_" + base64.RawURLEncoding.EncodeToString(random)
	id := make([]byte, 6)
	_, _ = rand.Read(id)
	return Made{Secret: secret, Token: challenge.Token{
		ID: "t" + hex.EncodeToString(id), Role: role, Name: name, Hash: sha256.Sum256([]byte(secret)), CreatedAt: now, Expires: expires,
	}}, nil
}

// EnsureDefaults makes a facilitator's, a Grafana's and a plugin's token if the store has none at all, revoked ones
// included, and returns them; else it returns nothing. Of several processes that do so at once, one does.
func (t *Tokens) EnsureDefaults(ctx context.Context) ([]Made, error) {
	lock, err := t.store.Lock(ctx, "tokens/defaults")
	if errors.Is(err, challenge.ErrLocked) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("lock tokens: %w", err)
	}
	defer lock.Unlock()
	var made []Made
	for _, role := range []challenge.Role{challenge.FacilitatorRole, challenge.GrafanaRole, challenge.PluginRole} {
		m, err := t.generate(role, string(role), time.Time{})
		if err != nil {
			return nil, err
		}
		made = append(made, m)
	}
	some := false
	err = t.store.Update(ctx, func(tx challenge.Tx) error {
		list, err := tx.Tokens()
		if some = len(list) > 0; err != nil || some {
			return err
		}
		for _, m := range made {
			if err := tx.InsertToken(m.Token); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("store default tokens: %w", err)
	}
	if some {
		return nil, nil
	}
	return made, nil
}

// Authenticate returns the token of a secret. A secret that is not good is a *challenge.Error with Unauthorized.
func (t *Tokens) Authenticate(ctx context.Context, secret string) (challenge.Token, error) {
	if !wellFormed(secret) {
		return challenge.Token{}, unauthorized("the token is not one of ours; it begins with " + prefix)
	}
	hash, now := sha256.Sum256([]byte(secret)), t.now()
	token, ok := t.cache.get(hash, now)
	if !ok {
		err := t.store.View(ctx, func(tx challenge.Tx) (err error) {
			token, err = tx.TokenByHash(hash)
			return err
		})
		if errors.Is(err, challenge.ErrNotFound) {
			return challenge.Token{}, unauthorized("the token is not known here")
		}
		if err != nil {
			return challenge.Token{}, fmt.Errorf("look up token: %w", err)
		}
	}
	// The store finds tokens by an index over hashes, whose timing tells nothing of a secret; this keeps a store that compares
	// more loosely from letting anything in.
	if subtle.ConstantTimeCompare(token.Hash[:], hash[:]) != 1 {
		return challenge.Token{}, unauthorized("the token is not known here")
	}
	switch {
	case !token.Revoked.IsZero():
		return challenge.Token{}, unauthorized("the token was revoked: ask for another")
	case !token.Valid(now):
		return challenge.Token{}, unauthorized("the token has expired: ask for another")
	}
	if !ok {
		t.cache.put(token, now)
	}
	return token, nil
}

// List returns all tokens, the oldest first, those that are not good any more included.
func (t *Tokens) List(ctx context.Context) (list []challenge.Token, err error) {
	err = t.store.View(ctx, func(tx challenge.Tx) error {
		list, err = tx.Tokens()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	return list, nil
}

// Revoke ends a token. One that was revoked before stays as it was; an unknown id is a *challenge.Error with NotFound.
func (t *Tokens) Revoke(ctx context.Context, id string) error {
	err := t.store.Update(ctx, func(tx challenge.Tx) error {
		list, err := tx.Tokens()
		if err != nil {
			return err
		}
		for _, token := range list {
			switch {
			case token.ID != id:
			case token.Revoked.IsZero():
				return tx.RevokeToken(id, t.now())
			default:
				return nil
			}
		}
		return challenge.Errorf(challenge.NotFound, "no token %q: list them for their ids", id)
	})
	t.cache.drop(id)
	var known *challenge.Error
	if err != nil && !errors.As(err, &known) {
		return fmt.Errorf("revoke token: %w", err)
	}
	return err
}

// CheckName tells whether a name can be that of a token or a player's login: 1 to MaxName bytes of UTF-8 without control
// characters and without white space at its ends. The error is a *challenge.Error with Invalid.
func CheckName(name string) error {
	odd := func(r rune) bool { return unicode.IsControl(r) || !unicode.IsPrint(r) }
	if name == "" || len(name) > MaxName || !utf8.ValidString(name) || strings.TrimSpace(name) != name || strings.ContainsFunc(name, odd) {
		return &challenge.Error{Code: challenge.Invalid, Field: "name",
			Text: fmt.Sprintf("a name has 1 to %d bytes, no control characters and no spaces at its ends", MaxName)}
	}
	return nil
}

// wellFormed keeps what cannot be a token from being looked up.
func wellFormed(secret string) bool {
	rest, ok := strings.CutPrefix(secret, prefix)
	if !ok || len(rest) != 2+base64.RawURLEncoding.EncodedLen(secretBytes) || rest[1] != '_' {
		return false
	}
	_, err := base64.RawURLEncoding.Strict().DecodeString(rest[2:])
	return err == nil
}

func unauthorized(text string) error { return challenge.Errorf(challenge.Unauthorized, "%s", text) }
