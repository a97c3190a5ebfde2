package runner

import "time"

// SetGiveUp makes a Runner give up sooner on back ends that cannot be reached; before Run.
func SetGiveUp(r *Runner, d time.Duration) { r.giveUp = d }

// Tries is how often a session is played before it fails.
const Tries = tries
