package store

import (
	"fmt"
	"time"

	"firedrill/internal/challenge"
)

const tokenColumns = `id, role, name, hash, created_at, expires, revoked`

func scanToken(row scanner) (k challenge.Token, err error) {
	var hash []byte
	if err = row.Scan(&k.ID, &k.Role, &k.Name, &hash, timeColumn{&k.CreatedAt}, timeColumn{&k.Expires}, timeColumn{&k.Revoked}); err != nil {
		return k, err
	}
	if copy(k.Hash[:], hash) != len(k.Hash) {
		return k, fmt.Errorf("hash of token %s has %d bytes", k.ID, len(hash))
	}
	return k, nil
}

func (t *tx) InsertToken(k challenge.Token) error {
	_, err := t.exec("insert token", `INSERT INTO tokens (`+tokenColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		k.ID, string(k.Role), k.Name, k.Hash[:], nanos(k.CreatedAt), nanos(k.Expires), nanos(k.Revoked))
	return err
}

func (t *tx) TokenByHash(hash [32]byte) (challenge.Token, error) {
	return one(t, "read token", scanToken, `SELECT `+tokenColumns+` FROM tokens WHERE hash = ?`, hash[:])
}

func (t *tx) Tokens() ([]challenge.Token, error) {
	return list(t, "list tokens", scanToken, `SELECT `+tokenColumns+` FROM tokens ORDER BY created_at, id`)
}

// RevokeToken keeps the time of the first revocation.
func (t *tx) RevokeToken(id string, at time.Time) error {
	_, err := t.change("revoke token", `UPDATE tokens SET revoked = CASE WHEN revoked = 0 THEN ? ELSE revoked END WHERE id = ? RETURNING 1`, nanos(at), id)
	return err
}
