package store

func (t *tx) Checkpoint(session string) ([]byte, error) {
	return one(t, "read checkpoint", scanOne[[]byte], `SELECT data FROM checkpoints WHERE session = ?`, session)
}

// SetCheckpoint leaves the session's version as it is.
func (t *tx) SetCheckpoint(session string, checkpoint []byte) error {
	if checkpoint == nil {
		checkpoint = []byte{} // nil would be NULL
	}
	_, err := t.exec("set checkpoint", `INSERT INTO checkpoints (session, data) VALUES (?, ?) ON CONFLICT (session) DO UPDATE SET data = excluded.data`,
		session, checkpoint)
	return err
}
