package auth_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"firedrill/internal/auth"
	"firedrill/internal/challenge"
	"firedrill/internal/store"
)

// memory is a store of tokens alone; it counts the look-ups.
type memory struct {
	challenge.Store
	challenge.Tx

	mu      sync.Mutex
	tokens  []challenge.Token
	lookups int
	locked  bool
	broken  error
}

func (m *memory) Update(_ context.Context, fn func(challenge.Tx) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := slices.Clone(m.tokens)
	if err := fn(m); err != nil {
		m.tokens = before
		return err
	}
	return nil
}

func (m *memory) View(_ context.Context, fn func(challenge.Tx) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return fn(m)
}

func (m *memory) InsertToken(t challenge.Token) error {
	m.tokens = append(m.tokens, t)
	return m.broken
}

func (m *memory) Tokens() ([]challenge.Token, error) { return slices.Clone(m.tokens), m.broken }

func (m *memory) TokenByHash(hash [32]byte) (challenge.Token, error) {
	m.lookups++
	for _, t := range m.tokens {
		if t.Hash == hash {
			return t, m.broken
		}
	}
	return challenge.Token{}, challenge.ErrNotFound
}

func (m *memory) RevokeToken(id string, at time.Time) error {
	for i := range m.tokens {
		if m.tokens[i].ID == id {
			m.tokens[i].Revoked = at
		}
	}
	return nil
}

func (m *memory) Lock(context.Context, string) (challenge.Lock, error) {
	if m.locked {
		return nil, challenge.ErrLocked
	}
	return unlocker{}, nil
}

type unlocker struct{}

func (unlocker) Lost() <-chan struct{} { return nil }
func (unlocker) Unlock()               {}

// clock is a wall time that tests move.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func newTokens() (*memory, *clock, *auth.Tokens) {
	m, c := &memory{}, &clock{time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)}
	return m, c, auth.New(m, c.now)
}

func mustCreate(t *testing.T, tokens *auth.Tokens, role challenge.Role, name string, expires time.Time) (string, challenge.Token) {
	t.Helper()
	secret, token, err := tokens.Create(t.Context(), role, name, expires)
	if err != nil {
		t.Fatal(err)
	}
	return secret, token
}

// codeOf is the code of a *challenge.Error, "" of others.
func codeOf(err error) challenge.Code {
	if e, ok := errors.AsType[*challenge.Error](err); ok {
		return e.Code
	}
	return ""
}

func TestCreate(t *testing.T) {
	m, _, tokens := newTokens()
	for role, begin := range map[challenge.Role]string{
		challenge.FacilitatorRole: "fd_f_", challenge.PlayerRole: "fd_p_", challenge.GrafanaRole: "fd_g_", challenge.PluginRole: "fd_x_",
	} {
		secret, token := mustCreate(t, tokens, role, "anna", time.Time{})
		if !strings.HasPrefix(secret, begin) || len(secret) != len(begin)+43 {
			t.Errorf("%s: secret %q, want %s and 43 characters", role, secret, begin)
		}
		got, err := tokens.Authenticate(t.Context(), secret)
		if err != nil || got != token || got.Role != role || got.Name != "anna" {
			t.Errorf("%s: authenticated as %+v, %v, want %+v", role, got, err, token)
		}
	}
	ids := map[string]bool{}
	for _, token := range m.tokens {
		ids[token.ID] = true
	}
	if len(ids) != 4 {
		t.Errorf("%d different ids of 4 tokens", len(ids))
	}
}

func TestCreateRefuses(t *testing.T) {
	m, c, tokens := newTokens()
	for name, try := range map[string]struct {
		role    challenge.Role
		name    string
		expires time.Time
	}{
		"role":      {"root", "anna", time.Time{}},
		"no name":   {challenge.PlayerRole, "", time.Time{}},
		"long name": {challenge.PlayerRole, strings.Repeat("a", auth.MaxName+1), time.Time{}},
		"line":      {challenge.PlayerRole, "anna\nbert", time.Time{}},
		"spaces":    {challenge.PlayerRole, " anna", time.Time{}},
		"not UTF-8": {challenge.PlayerRole, "ann\xff", time.Time{}},
		"invisible": {challenge.PlayerRole, "anna\u200b", time.Time{}},
		"expired":   {challenge.PlayerRole, "anna", c.at},
	} {
		if _, _, err := tokens.Create(t.Context(), try.role, try.name, try.expires); codeOf(err) != challenge.Invalid {
			t.Errorf("%s: %v, want invalid", name, err)
		}
	}
	if len(m.tokens) != 0 {
		t.Errorf("%d tokens are stored, want none", len(m.tokens))
	}
}

func TestAuthenticateRefuses(t *testing.T) {
	m, c, tokens := newTokens()
	secret, _ := mustCreate(t, tokens, challenge.PlayerRole, "anna", c.at.Add(time.Hour))
	other := secret[:len(secret)-5] + "AAAAA"
	for name, bad := range map[string]string{
		"empty": "", "another": other, "cut": secret[:len(secret)-1], "longer": secret + "A",
		"letter": "fd_f_" + secret[5:], "prefix": "xx" + secret[2:], "case": strings.ToUpper(secret), "space": secret + " ",
		"sql": "fd_p_' OR 1=1 --aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	} {
		if _, err := tokens.Authenticate(t.Context(), bad); codeOf(err) != challenge.Unauthorized || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v, want unauthorized", name, err)
		}
	}
	if m.lookups > 2 { // another, letter
		t.Errorf("%d look-ups, want only those of what can be a token", m.lookups)
	}
	c.at = c.at.Add(time.Hour)
	if _, err := tokens.Authenticate(t.Context(), secret); codeOf(err) != challenge.Unauthorized || !strings.Contains(err.Error(), "expired") {
		t.Errorf("after its end: %v, want expired", err)
	}
	m.broken = errors.New("disk on fire")
	if _, err := tokens.Authenticate(t.Context(), secret); codeOf(err) != "" || !errors.Is(err, m.broken) {
		t.Errorf("with a broken store: %v, want its error", err)
	}
}

// TestExpiresWhileCached checks that a token in memory is held against the clock too.
func TestExpiresWhileCached(t *testing.T) {
	_, c, tokens := newTokens()
	secret, _ := mustCreate(t, tokens, challenge.PlayerRole, "anna", c.at.Add(time.Second))
	if _, err := tokens.Authenticate(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	c.at = c.at.Add(time.Second)
	if _, err := tokens.Authenticate(t.Context(), secret); codeOf(err) != challenge.Unauthorized {
		t.Errorf("got %v, want unauthorized", err)
	}
}

func TestRevoke(t *testing.T) {
	m, c, tokens := newTokens()
	elsewhere := auth.New(m, c.now)
	secret, token := mustCreate(t, tokens, challenge.PlayerRole, "anna", time.Time{})
	for _, in := range []*auth.Tokens{tokens, elsewhere} {
		if _, err := in.Authenticate(t.Context(), secret); err != nil {
			t.Fatal(err)
		}
	}
	if err := tokens.Revoke(t.Context(), token.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := tokens.Authenticate(t.Context(), secret); codeOf(err) != challenge.Unauthorized || !strings.Contains(err.Error(), "revoked") {
		t.Errorf("where it was revoked: %v, want revoked", err)
	}
	c.at = c.at.Add(auth.Fresh)
	if _, err := elsewhere.Authenticate(t.Context(), secret); codeOf(err) != challenge.Unauthorized {
		t.Errorf("elsewhere, %s later: %v, want unauthorized", auth.Fresh, err)
	}
	first := m.tokens[0].Revoked
	if err := tokens.Revoke(t.Context(), token.ID); err != nil || m.tokens[0].Revoked != first {
		t.Errorf("again: %v at %s, want nil and still %s", err, m.tokens[0].Revoked, first)
	}
	if err := tokens.Revoke(t.Context(), "t0"); codeOf(err) != challenge.NotFound {
		t.Errorf("unknown id: %v, want not_found", err)
	}
}

// TestCache checks that good tokens are looked up once in a while, bad ones each time, and that memory is bounded.
func TestCache(t *testing.T) {
	m, c, tokens := newTokens()
	secret, _ := mustCreate(t, tokens, challenge.GrafanaRole, "grafana", time.Time{})
	for range 10 {
		if _, err := tokens.Authenticate(t.Context(), secret); err != nil {
			t.Fatal(err)
		}
	}
	if m.lookups != 1 {
		t.Errorf("%d look-ups of a good token, want 1", m.lookups)
	}
	c.at = c.at.Add(auth.Fresh)
	if _, err := tokens.Authenticate(t.Context(), secret); err != nil || m.lookups != 2 {
		t.Errorf("%s later: %d look-ups, %v, want 2", auth.Fresh, m.lookups, err)
	}
	for range auth.CacheSize + 100 {
		s, _ := mustCreate(t, tokens, challenge.PlayerRole, "anna", time.Time{})
		if _, err := tokens.Authenticate(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if n := tokens.Cached(); n != auth.CacheSize {
		t.Errorf("%d tokens in memory, want %d", n, auth.CacheSize)
	}
	c.at = c.at.Add(auth.Fresh)
	if _, err := tokens.Authenticate(t.Context(), secret); err != nil || tokens.Cached() != 1 {
		t.Errorf("%s later: %d tokens in memory, %v, want 1", auth.Fresh, tokens.Cached(), err)
	}
}

func TestEnsureDefaults(t *testing.T) {
	m, _, tokens := newTokens()
	made, err := tokens.EnsureDefaults(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var roles []challenge.Role
	for _, one := range made {
		got, err := tokens.Authenticate(t.Context(), one.Secret)
		if err != nil || got != one.Token {
			t.Errorf("%s: %+v, %v", one.Token.Role, got, err)
		}
		roles = append(roles, got.Role)
	}
	if want := []challenge.Role{challenge.FacilitatorRole, challenge.GrafanaRole, challenge.PluginRole}; !slices.Equal(roles, want) {
		t.Errorf("made %v, want %v", roles, want)
	}
	for _, one := range made {
		if err := tokens.Revoke(t.Context(), one.Token.ID); err != nil {
			t.Fatal(err)
		}
	}
	if made, err = tokens.EnsureDefaults(t.Context()); err != nil || made != nil || len(m.tokens) != 3 {
		t.Errorf("again: %d made, %v, %d stored, want none more", len(made), err, len(m.tokens))
	}
	m.tokens, m.locked = nil, true
	if made, err = tokens.EnsureDefaults(t.Context()); err != nil || made != nil {
		t.Errorf("while another process does: %d made, %v, want none", len(made), err)
	}
	m.locked, m.broken = false, errors.New("disk on fire")
	if _, err = tokens.EnsureDefaults(t.Context()); !errors.Is(err, m.broken) || len(m.tokens) != 0 {
		t.Errorf("with a broken store: %v and %d tokens, want its error and none", err, len(m.tokens))
	}
}

func TestConcurrent(t *testing.T) {
	_, _, tokens := newTokens()
	secret, token := mustCreate(t, tokens, challenge.PlayerRole, "anna", time.Time{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				if got, err := tokens.Authenticate(t.Context(), secret); err != nil || got != token {
					t.Errorf("got %+v, %v", got, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// TestStore does all of it on a real store.
func TestStore(t *testing.T) {
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "test.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tokens := auth.New(db, nil)
	made, err := tokens.EnsureDefaults(t.Context())
	if err != nil || len(made) != 3 {
		t.Fatalf("%d made, %v, want 3", len(made), err)
	}
	if again, err := tokens.EnsureDefaults(t.Context()); err != nil || again != nil {
		t.Errorf("again: %d made, %v, want none", len(again), err)
	}
	secret, token := mustCreate(t, tokens, challenge.PlayerRole, "anna", time.Now().Add(time.Hour))
	got, err := auth.New(db, nil).Authenticate(t.Context(), secret)
	if err != nil || got.ID != token.ID || got.Name != "anna" || got.Role != challenge.PlayerRole {
		t.Errorf("got %+v, %v, want %+v", got, err, token)
	}
	if err := tokens.Revoke(t.Context(), token.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := tokens.Authenticate(t.Context(), secret); codeOf(err) != challenge.Unauthorized {
		t.Errorf("after it was revoked: %v, want unauthorized", err)
	}
	if list, err := tokens.List(t.Context()); err != nil || len(list) != 4 || list[3].Revoked.IsZero() {
		t.Errorf("%+v, %v, want four, the last one revoked", list, err)
	}
}
