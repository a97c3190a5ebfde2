package httpapi

import (
	"context"
	"time"

	"firedrill/internal/challenge"
)

// A flood of refusals must not fill the store. What an address is refused is audited at auditRate, and in all
// at auditTotal.
const (
	auditRate, auditBurst       = 1, 20
	auditTotal, auditTotalBurst = 10, 100
	auditTime                   = 2 * time.Second
	auditAll                    = "" // key of the bucket for all
	refusedAction               = "http.refused"
)

// refused audits that somebody was refused before the contest was asked; what the Service refuses, it audits.
func (a *API) refused(ctx context.Context, c challenge.Call, method, route string, p *Problem) {
	now := a.tick()
	if !a.auditRemote.allow(remoteKey(c.Remote), now) || !a.auditTotal.allow(auditAll, now) {
		a.metrics.unaudited.Inc()
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), auditTime)
	defer cancel()
	err := a.o.Service.Refused(ctx, challenge.AuditEntry{
		At: a.o.Now(), Actor: c.Name, Role: c.Role, Remote: c.Remote, Action: refusedAction,
		Detail: method + " " + route + ": " + p.Code + ": " + p.Detail,
	})
	if err != nil {
		a.metrics.unaudited.Inc()
		a.o.Log.ErrorContext(ctx, "api: a refusal was not audited", "err", err)
	}
}
