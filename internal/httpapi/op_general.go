package httpapi

import (
	"context"
	"net/http"

	"firedrill/internal/challenge"
	"firedrill/internal/httpapi/wire"
)

// generalTag is for what is about no session.
const generalTag = "General"

func (a *API) registerGeneral() {
	add(a, op{
		id: "get-me", method: http.MethodGet, path: "/me", tag: generalTag,
		summary: "Show who the caller is",
	}, func(_ context.Context, c challenge.Call, _ *struct{}) (wire.Me, error) {
		return wire.Me{Name: c.Name, Role: string(c.Role), ServerTime: wire.At(a.o.Now())}, nil
	})
	add(a, op{
		id: "list-scenarios", method: http.MethodGet, path: "/scenarios", tag: generalTag,
		summary: "List the scenarios", text: "By ID, all on one page.",
	}, func(context.Context, challenge.Call, *struct{}) (wire.List[wire.ScenarioSummary], error) {
		return list(a, a.summaries(), "", viewScenario), nil
	})
	add(a, op{
		id: "get-rules", method: http.MethodGet, path: "/rules", tag: generalTag,
		summary: "Show what a wrong suspect costs",
	}, func(context.Context, challenge.Call, *struct{}) (wire.Rules, error) {
		return viewRules(a.o.Rules), nil
	})
	type auditIn struct {
		Paged
		Subject string `query:"subject" maxLength:"64" doc:"Only what is about this session or round."`
	}
	add(a, op{
		id: "list-audit", method: http.MethodGet, path: "/audit", tag: generalTag, only: challenge.FacilitatorRole,
		summary: "List what facilitators did, and what was refused", text: "The newest comes first.",
	}, func(ctx context.Context, c challenge.Call, in *auditIn) (wire.List[wire.AuditEntry], error) {
		found, next, err := a.o.Service.Audit(ctx, c, in.Subject, in.page())
		if err != nil {
			return wire.List[wire.AuditEntry]{}, err
		}
		return list(a, found, next, viewAudit), nil
	})
}
