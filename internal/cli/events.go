package cli

import (
	"time"

	"firedrill/replay"
)

// The events of `replay` and `play`. With -o json each is one line; programs rely on the names and
// fields, which may be added to and never renamed. Times are RFC 3339, durations seconds.

// loadingEvent says that the history is being loaded.
type loadingEvent struct {
	Event      string    `json:"event"` // loading
	Session    string    `json:"session"`
	Scenario   string    `json:"scenario,omitempty"`
	Difficulty string    `json:"difficulty"`
	Page       time.Time `json:"page"`    // recorded
	History    float64   `json:"history"` // how much is loaded, as recorded

	title string
	items int64 // guess of what will be loaded
}

// statusEvent says how the session stands, now and then.
type statusEvent struct {
	Event   string                  `json:"event"` // status
	Phase   replay.Phase            `json:"phase"`
	Left    float64                 `json:"left"` // until the end
	Late    float64                 `json:"lateness_p99"`
	Signals map[string]signalStatus `json:"signals"`

	untilPage time.Duration
}

type signalStatus struct {
	Read    int64   `json:"read"`
	Sent    int64   `json:"sent"`
	Refused int64   `json:"refused"`
	Rate    float64 `json:"sent_per_second"`
}

// proofEvent is what the back ends say they hold.
type proofEvent struct {
	Event   string               `json:"event"` // proof
	Of      string               `json:"of"`    // history or session
	OK      bool                 `json:"ok"`
	Signals []replay.SignalProof `json:"signals"`
}

// readyEvent says that the history is stored, and where to look at it.
type readyEvent struct {
	Event string    `json:"event"` // ready
	Page  time.Time `json:"page"`  // wall
	URLs  urls      `json:"urls"`

	alert string
}

// urls are the addresses for players and programs; null where there is none.
type urls struct {
	Server     *string `json:"server"`
	Login      *string `json:"login,omitempty"` // logs the player in to the web page, once
	Grafana    *string `json:"grafana"`
	Prometheus *string `json:"prometheus"`
	Loki       *string `json:"loki"`
	Jaeger     *string `json:"jaeger"`
	OTLP       *string `json:"otlp"`
}

// liveEvent says that the page has come.
type liveEvent struct {
	Event string  `json:"event"` // live
	Left  float64 `json:"left"`
}

// endedEvent says that nothing more will be delivered.
type endedEvent struct {
	Event  string  `json:"event"` // ended
	Reason string  `json:"reason"`
	Live   float64 `json:"live"` // how long the session was live
}

// Reasons of an endedEvent.
const (
	endedTimebox   = "timebox"
	endedRecording = "recording" // it has no more
	endedSignal    = "signal"
	endedSolved    = "solved" // the player was right
)

// noticeEvent reports something that happened to a back end of the local stack.
type noticeEvent struct {
	Event  string `json:"event"` // backend
	Server string `json:"server"`
	Change string `json:"change"`
	Error  string `json:"error,omitempty"`
}

// rates turns totals into what was sent in each second since the last time.
type rates struct {
	at   time.Time
	sent map[replay.Signal]int64
}

// next makes a statusEvent of a status.
func (r *rates) next(now time.Time, st replay.Status) statusEvent {
	e := statusEvent{Event: "status", Phase: st.Phase, Left: st.Left.Seconds(), Signals: map[string]signalStatus{}, untilPage: st.Page.Sub(now)}
	sent := map[replay.Signal]int64{}
	for name, s := range st.Signals {
		sent[name] = s.Sent
		out := signalStatus{Read: s.Read, Sent: s.Sent, Refused: s.Refused}
		if took := now.Sub(r.at).Seconds(); !r.at.IsZero() && took > 0 {
			out.Rate = float64(s.Sent-r.sent[name]) / took
		}
		e.Signals[string(name)] = out
		e.Late = max(e.Late, s.LatenessP99.Seconds())
	}
	r.at, r.sent = now, sent
	return e
}
