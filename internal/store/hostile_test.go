package store_test

import (
	"errors"
	"strings"
	"testing"

	"firedrill/internal/challenge"
	"firedrill/internal/store"
)

// hostile are texts that come from people and programs.
var hostile = []string{
	`'; DROP TABLE sessions; --`, `" OR "1"="1`, `' OR ''='`, `$1`, `?`, `:a @b %s %d %n`, `\'; SELECT 1; --`, `%_[]*`, "a\nb\r\tc\u2028", `{"onset":1}`,
	"\x00", "a\x00b", "b\xff\xfe", "caf\u00e9 \U0001F525 \u202Eevil", "' UNION SELECT secret FROM sessions --", strings.Repeat("x", 2000), `\x27`, "/*", "$$", "E'\\''",
}

func TestHostileTexts(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store) {
		insert(t, s, 1)
		for i, text := range hostile {
			// PostgreSQL cannot keep these; see the package comment.
			want := strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", "\uFFFD"), "\uFFFD")
			id := session(1).ID
			var got []string
			update(t, s, func(tx challenge.Tx) error {
				v := session(100 + i)
				v.Title, v.CreatedBy, v.Failure = text, text, text
				sub := challenge.Submission{Session: id, Player: text, Key: text, Reasoning: text, Suspects: []challenge.Suspect{{Component: text, Cause: text}}}
				hyp := challenge.Hypothesis{Session: id, Player: text, Text: text}
				event := challenge.Event{Session: id, Service: text, Title: text, Text: text, Author: text}
				return errors.Join(
					tx.InsertSession(v, []byte(text)), tx.InsertRound(challenge.Round{ID: text, Season: text, Title: text}),
					tx.Join(challenge.Participant{Session: v.ID, Player: text}), tx.InsertSubmissions(&sub), tx.InsertHypothesis(&hyp), tx.InsertEvent(&event),
					tx.InsertAudit(challenge.AuditEntry{Actor: text, Remote: text, Action: text, Session: text, Detail: text}),
					tx.InsertTrail([]challenge.TrailEntry{{Session: id, Player: text, Endpoint: text, Query: text}}),
					tx.InsertToken(challenge.Token{ID: text, Name: text, Hash: [32]byte{byte(i)}}),
					tx.SetDone(text, text, text, text, t0), tx.SetCheckpoint(v.ID, []byte(text)),
				)
			})
			view(t, s, func(tx challenge.Tx) error {
				v, err1 := tx.CurrentSession(text)
				r, err2 := tx.Round(text)
				season, err3 := tx.SeasonRounds(text)
				at, err4 := tx.SubmissionsAt([]challenge.Seat{{Session: id, Player: text}})
				subs, err5 := tx.Submissions(id, text)
				hyps, err6 := tx.Hypotheses(id, text)
				events, err7 := tx.Events(id)
				audit, _, err8 := tx.Audit(text, challenge.Page{})
				trail, _, err9 := tx.Trail(id, text, challenge.Page{})
				token, err10 := tx.TokenByHash([32]byte{byte(i)})
				request, result, err11 := tx.Done(text, text)
				secret, err12 := tx.SessionSecret(v.ID)
				checkpoint, err13 := tx.Checkpoint(v.ID)
				ofPlayer, _, err14 := tx.Sessions(challenge.SessionFilter{Player: text})
				if err := errors.Join(err1, err2, err3, err4, err5, err6, err7, err8, err9, err10, err11, err12, err13, err14); err != nil {
					return err
				}
				if len(season) != 1 || len(subs) != 1 || len(at) != 1 || len(hyps) != 1 || len(audit) != 1 || len(trail) != 1 || len(ofPlayer) != 1 {
					t.Errorf("%q finds %d rounds, %d submissions, %d hypotheses, %d audit entries, %d trail entries, %d sessions, want 1 of each", text,
						len(season), min(len(subs), len(at)), len(hyps), len(audit), len(trail), len(ofPlayer))
				}
				sub, event := at[0], events[len(events)-1]
				got = []string{
					v.Title, v.CreatedBy, v.Failure, r.ID, r.Title, sub.Player, sub.Key, sub.Reasoning, sub.Suspects[0].Component, sub.Suspects[0].Cause,
					hyps[0].Text, event.Service, event.Title, event.Text, event.Author, audit[0].Actor, audit[0].Remote, audit[0].Action, audit[0].Session,
					audit[0].Detail, trail[0].Player, trail[0].Endpoint, trail[0].Query, token.ID, token.Name, request, result,
				}
				if string(secret) != text || string(checkpoint) != text {
					t.Errorf("bytes %q came back as %q and %q", text, secret, checkpoint)
				}
				return nil
			})
			for n, v := range got {
				if v != want {
					t.Errorf("text %d: %q came back as %q", n, want, v)
				}
			}
		}
	})
}
