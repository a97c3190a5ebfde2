package store

import "time"

func (t *tx) Done(actor, key string) (request, result string, err error) {
	type done struct{ request, result string }
	d, err := one(t, "read result of a key", func(row scanner) (d done, err error) {
		return d, row.Scan(&d.request, &d.result)
	}, `SELECT request, result FROM done WHERE actor = ? AND key = ?`, actor, key)
	return d.request, d.result, err
}

// SetDone is an error for a key that the actor has used: look first.
func (t *tx) SetDone(actor, key, request, result string, at time.Time) error {
	_, err := t.exec("keep result of a key", `INSERT INTO done (actor, key, request, result, at) VALUES (?, ?, ?, ?, ?)`,
		actor, key, request, result, nanos(at))
	return err
}

func (t *tx) Forget(before time.Time) error {
	_, err := t.exec("forget results of keys", `DELETE FROM done WHERE at < ?`, nanos(before))
	return err
}
