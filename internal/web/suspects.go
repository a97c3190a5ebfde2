package web

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"firedrill/internal/challenge"
)

// suspectForm is the form for suspects as it was typed.
type suspectForm struct {
	Key       string // idempotency key: a form counts once
	Nothing   bool   // "nothing is broken"
	Rows      []suspectRow
	Reasoning string
	Fresh     bool // a row was just added, which gets the focus
}

type suspectRow struct{ Component, Cause, Onset string }

// Full tells whether no more suspects are possible.
func (f suspectForm) Full() bool { return len(f.Rows) >= challenge.MaxSuspects }

func newSuspects() suspectForm { return suspectForm{Key: rand.Text(), Rows: make([]suspectRow, 1)} }

// readSuspects reads the form from a request.
func readSuspects(r *http.Request) suspectForm {
	f := suspectForm{Key: r.PostForm.Get("key"), Nothing: r.PostForm.Get("claim") == "nothing", Reasoning: r.PostForm.Get("reasoning")}
	at := func(field string, i int) string {
		if list := r.PostForm[field]; i < len(list) {
			return strings.TrimSpace(list[i])
		}
		return ""
	}
	for i := range min(len(r.PostForm["component"]), challenge.MaxSuspects) {
		f.Rows = append(f.Rows, suspectRow{at("component", i), at("cause", i), at("onset", i)})
	}
	if len(f.Rows) == 0 {
		f.Rows = make([]suspectRow, 1)
	}
	return f
}

// submission is what the form submits; now tells which day a time without a date belongs to. Rows that were left empty are
// none.
func (f suspectForm) submission(now time.Time) (challenge.NewSubmission, error) {
	n := challenge.NewSubmission{NothingBroken: f.Nothing, Reasoning: f.Reasoning}
	if f.Nothing {
		return n, nil
	}
	for i, row := range f.Rows {
		if row == (suspectRow{}) {
			continue
		}
		if row.Component == "" || row.Cause == "" {
			return n, challenge.Errorf(challenge.Invalid, "suspect %d needs both a component and a cause", i+1)
		}
		onset, err := readOnset(row.Onset, now)
		if err != nil {
			return n, challenge.Errorf(challenge.Invalid, "the onset of suspect %d: %s", i+1, err)
		}
		n.Suspects = append(n.Suspects, challenge.Suspect{Component: row.Component, Cause: row.Cause, Onset: onset})
	}
	if len(n.Suspects) == 0 {
		return n, challenge.Errorf(challenge.Invalid, "choose a component and a cause, or say that nothing is broken")
	}
	return n, nil
}

// readOnset reads a UTC time such as 14:05, 14:05:30, 2026-03-17 14:05 or RFC 3339; "" is the zero time. One without a date is
// the last such time before now.
func readOnset(text string, now time.Time) (time.Time, error) {
	text = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(text), "UTC"))
	if text == "" {
		return time.Time{}, nil
	}
	now = now.UTC()
	for _, layout := range []string{"15:04", "15:04:05"} {
		t, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		t = time.Date(now.Year(), now.Month(), now.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
		if t.After(now) {
			t = t.AddDate(0, 0, -1)
		}
		return t, nil
	}
	for _, layout := range []string{"2006-01-02 15:04", "2006-01-02 15:04:05", "2006-01-02T15:04", time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, errors.New("write a time in UTC such as 14:05 or 14:05:30, or leave it empty")
}

// confirmPage asks once more before suspects are submitted.
type confirmPage struct {
	*sessionPage
	Claim   challenge.NewSubmission
	Typed   suspectForm
	Lockout time.Duration // if it is wrong
}

// suspect is the form for suspects: its steps are add and remove (a row), edit, review and submit.
func (p *Pages) suspect(w http.ResponseWriter, r *http.Request, l *login) error {
	f := readSuspects(r)
	if i, err := strconv.Atoi(r.PostForm.Get("remove")); err == nil && len(f.Rows) > 1 && i >= 0 && i < len(f.Rows) {
		f.Rows = slices.Delete(f.Rows, i, i+1)
		return p.showSession(w, r, l, http.StatusOK, form{}, &f)
	}
	step := r.PostForm.Get("step")
	if step == "add" && !f.Full() {
		f.Rows, f.Fresh = append(f.Rows, suspectRow{}), true
	}
	if step == "add" || step == "edit" {
		return p.showSession(w, r, l, http.StatusOK, form{}, &f)
	}
	n, err := f.submission(p.now())
	if err != nil {
		return p.suspectError(w, r, l, f, err)
	}
	if step != "submit" {
		return p.confirm(w, r, l, f, n)
	}
	s, err := p.o.Service.Submit(r.Context(), p.call(r, l), r.PathValue("id"), n)
	if err != nil {
		return p.suspectError(w, r, l, f, err)
	}
	l.say(result(s))
	http.Redirect(w, r, "/session/"+s.Session, http.StatusSeeOther)
	return nil
}

// result says what came of a submission.
func result(s challenge.Submission) string {
	if s.Correct {
		return fmt.Sprintf("Right, after %s.", digits(s.Elapsed))
	}
	return fmt.Sprintf("Not right. It adds %s to your time, and you cannot submit for %s.", span(s.Penalty), span(s.LockedFor))
}

// suspectError shows the form again, with what is wrong.
func (p *Pages) suspectError(w http.ResponseWriter, r *http.Request, l *login, f suspectForm, err error) error {
	if unexpected(err) {
		return err
	}
	var e *challenge.Error
	errors.As(err, &e) // it is one: others are unexpected
	switch e.Code {
	case challenge.Conflict:
		f.Key = rand.Text() // the form was used for something else: as a new one it can be submitted
	case challenge.LockedOut: // the page counts how long, a sentence would be wrong soon
		err = challenge.Errorf(e.Code, "this was not submitted, since you are locked out after a wrong suspect; submit it when the time is over")
	}
	return p.showSession(w, r, l, statusOf(err), p.refused(r, "suspect", err), &f)
}

func (p *Pages) confirm(w http.ResponseWriter, r *http.Request, l *login, f suspectForm, n challenge.NewSubmission) error {
	v, err := p.sessionView(r, l)
	if err != nil {
		return err
	}
	if !v.MaySubmit() {
		v.Suspects = f
		p.render(w, r, http.StatusConflict, "session", v)
		return nil
	}
	v.Title = "Submit this?"
	for i := range f.Rows { // with its date, so that it stays what it is
		if i < len(n.Suspects) && !n.Suspects[i].Onset.IsZero() {
			f.Rows[i].Onset = n.Suspects[i].Onset.Format("2006-01-02 15:04:05")
		}
	}
	lockout := v.Briefing.Rules.Lockout << min(v.Standing.Wrong, 10)
	p.render(w, r, http.StatusOK, "confirm", confirmPage{v, n, f, lockout})
	return nil
}
