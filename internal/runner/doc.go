// Package runner plays the sessions of a contest: it loads their histories, starts their clocks, follows what facilitators
// do, and says how far they have come.
//
// Runner.Run is the entry point. What is to be played, and how, is what the store says: a Runner looks at challenge.Service.Work a few times
// a second, and makes the replay of each session do what its row says. Replicas that share a database each hold the locks of the
// sessions that they play; when one dies another takes its sessions over from their checkpoints.
//
// # Guarantees
//
// A session is played by one replica at a time: who loses the lock stops at once. The evidence ends where the contest's clock
// does, or where it had come to, a moment later, when that was noticed. A session that cannot be played ends with a reason for people; the cause is in the log alone.
package runner
