package challenge

import "time"

// Round is a scenario opened for a window of time: everybody who joins plays a session of their own.
type Round struct {
	ID         string
	Title      string
	Scenario   string
	Difficulty string
	Season     string // rounds of one season are ranked together; may be ""
	// Opens and Closes bound the window, [Opens, Closes). Whoever joins late has what is left of it.
	Opens, Closes time.Time
	Timebox       time.Duration
	CreatedBy     string
	CreatedAt     time.Time
	Revealed      time.Time // when the answer was opened; zero until then
	Version       int64
}

// Open tells whether people can join at a wall time.
func (r *Round) Open(now time.Time) bool { return !now.Before(r.Opens) && now.Before(r.Closes) }
