package gateway

import (
	"net"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"firedrill/internal/challenge"
)

const (
	// sameRefusal is how long a refusal of the same kind to the same player or address is not audited again: a dashboard of
	// somebody who is in no session asks dozens of times a minute.
	sameRefusal = time.Minute
	// auditRate and auditBurst bound what is audited in all, a second and at once.
	auditRate, auditBurst = 2, 30
	// maxRefusals bounds the memory of refusals.
	maxRefusals = 4096
)

// auditor hands refusals on, and stays silent in a flood of them. It is safe for concurrent use.
type auditor struct {
	keep func(challenge.AuditEntry)

	mu      sync.Mutex
	limiter *rate.Limiter
	last    map[refused]time.Time
}

// refused is one kind of refusal to somebody.
type refused struct {
	reason reason
	who    string // the player, or the address of a client without one
}

func newAuditor(keep func(challenge.AuditEntry)) *auditor {
	return &auditor{keep: keep, limiter: rate.NewLimiter(auditRate, auditBurst), last: make(map[refused]time.Time)}
}

func (a *auditor) add(r reason, e challenge.AuditEntry) {
	k := refused{r, e.Actor}
	if k.who == "" {
		k.who = e.Remote
		if host, _, err := net.SplitHostPort(e.Remote); err == nil {
			k.who = host
		}
	}
	if a.due(k, e.At) {
		a.keep(e)
	}
}

func (a *auditor) due(k refused, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if at, ok := a.last[k]; ok && now.Sub(at) < sameRefusal {
		return false
	}
	if !a.limiter.AllowN(now, 1) {
		return false
	}
	if len(a.last) >= maxRefusals {
		clear(a.last)
	}
	a.last[k] = now
	return true
}
