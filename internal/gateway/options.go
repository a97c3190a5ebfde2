package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"firedrill/internal/challenge"
	"firedrill/replay"
	"firedrill/replay/endpoint"
)

// Options say what a Gateway works with. All functions are called concurrently.
type Options struct {
	// Prometheus, Loki and Jaeger say how to reach the back ends; Jaeger is its query API. A Timeout bounds one
	// request, 0 is 5 minutes; a tail has none.
	Prometheus, Loki, Jaeger endpoint.Config

	// Authenticate returns the token of a bearer secret, or a *challenge.Error with the code Unauthorized.
	Authenticate func(ctx context.Context, bearer string) (challenge.Token, error)
	Sessions     Sessions
	// Evidence returns what the gateway must know of a session beyond its state. What it returns is used for up to
	// half a second.
	Evidence func(ctx context.Context, s challenge.Session) (Evidence, error)
	// Trail keeps what players asked. It is called by one goroutine.
	Trail func(entries []challenge.TrailEntry) error
	// Refused keeps what was refused; a flood of refusals is cut before it gets there.
	Refused func(e challenge.AuditEntry)
	// JoinURL is the page where players join a session, for errors; "" names no address.
	JoinURL string

	Now        func() time.Time      // nil is time.Now
	Log        *slog.Logger          // nil discards
	Registerer prometheus.Registerer // takes the gateway's own metrics; may be nil
}

// Sessions finds the session whose evidence a player may read. Without one it returns a *challenge.Error with
// the code NoSession.
type Sessions interface {
	PlayerSession(ctx context.Context, player string) (challenge.Session, error)
}

// Evidence is what stands behind the telemetry of one session.
type Evidence struct {
	Key      replay.Key       // decides how trace ids are mapped
	Timeline *replay.Timeline // recorded time to wall time
	Source   Source           // what is played
	// From is the recorded time at which the session's history begins; zero is the beginning of the Source.
	From time.Time
}

// Source is what a session plays. Sources are compared with ==: what the gateway works out about one is shared by all
// sessions that play it. It is safe for concurrent use.
type Source interface {
	replay.Source
	HasTrace(id pcommon.TraceID) bool
	Families() map[string]replay.Family // by the name of the family; must not be changed
}

// tenantHeader is Loki's, and that of everything that descends from Cortex.
const tenantHeader = "X-Scope-Orgid"

func (o *Options) validate() error {
	if o.Authenticate == nil || o.Sessions == nil || o.Evidence == nil || o.Trail == nil || o.Refused == nil {
		return errors.New("gateway: Authenticate, Sessions, Evidence, Trail and Refused must be set")
	}
	for name := range o.Loki.Headers {
		if http.CanonicalHeaderKey(name) == tenantHeader {
			return fmt.Errorf("gateway: Loki's header %s is the session and cannot be configured", name)
		}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}
