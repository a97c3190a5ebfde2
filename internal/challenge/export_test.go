package challenge

import (
	"context"
	"log/slog"
	"time"
)

// Entrant and RankAt let tests rank without a store.
type Entrant struct {
	Player  string
	Session Session
	Subs    []Submission
}

func RankAt(entrants []Entrant, now time.Time) []Rank {
	var list []entrant
	for _, e := range entrants {
		list = append(list, entrant{e.Player, &e.Session, e.Subs})
	}
	return rank(list, now)
}

var (
	Season    = season
	Mentions  = mentions
	Landmarks = landmarks
	Near      = landmark.near
)

// Lockout is how long a wrong submission locks out.
func Lockout(r Rules, before int) time.Duration { return r.lockout(before) }

// Watchers lets tests watch without a store.
type Watchers struct{ ws *watchers }

func NewWatchers(versions func(context.Context, int64) (map[string]int64, int64, error)) Watchers {
	return Watchers{newWatchers(versions, slog.New(slog.DiscardHandler))}
}

func (w Watchers) Add(ctx context.Context, session string) <-chan int64 {
	return w.ws.add(ctx, session).ch
}
func (w Watchers) Close() { w.ws.close() }
