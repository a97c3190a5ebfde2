package gateway_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"firedrill/internal/challenge"
	"firedrill/internal/gateway"
)

// A flood of refusals reaches the store as a trickle, and another player's refusal is not lost in that of one.
func TestAuditIsBounded(t *testing.T) {
	w := newFake(t, func(http.ResponseWriter, *http.Request) {})
	w.set(time.Now())
	for range 200 {
		w.get("stranger", "/loki/loki/api/v1/labels")
	}
	w.get("another", "/loki/loki/api/v1/labels")
	w.get("ann", "/loki/config")
	if len(w.refused) != 3 {
		t.Errorf("%d refusals are audited, want 3: one of each kind and player: %v", len(w.refused), w.refused)
	}
	w.set(w.now().Add(61 * time.Second))
	w.get("stranger", "/loki/loki/api/v1/labels")
	if len(w.refused) != 4 {
		t.Errorf("%d refusals are audited a minute later, want 4", len(w.refused))
	}
	for i := range 300 {
		w.get(fmt.Sprint("stranger", i), "/loki/loki/api/v1/labels")
	}
	if n := len(w.refused); n < 20 || n > 40 {
		t.Errorf("300 strangers at once left %d entries, want about 30", n)
	}
	if e := w.refused[2]; e.Actor != "ann" || e.Session != annSession || e.Role != challenge.GrafanaRole || !strings.Contains(e.Detail, `GET "/loki/config"`) {
		t.Errorf("audited %+v", e)
	}
}

// The trail never makes a player wait: what is too much is dropped and counted, and so is what cannot be kept.
func TestTrailIsBounded(t *testing.T) {
	stuck := make(chan bool)
	w := newFake(t, func(http.ResponseWriter, *http.Request) {}, func(o *gateway.Options) {
		o.Trail = func(e []challenge.TrailEntry) error {
			<-stuck
			return errors.New("disk full")
		}
	})
	const asked, room = 9000, 8192
	handler := w.gateway
	for range asked {
		r := w.request(http.MethodGet, "ann", "/prometheus/api/v1/rules", nil)
		handler.ServeHTTP(nowhere{http.Header{}}, r)
	}
	dropped := func() int {
		families, err := w.registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == "firedrill_gateway_trail_dropped_entries_total" {
				return int(f.GetMetric()[0].GetCounter().GetValue())
			}
		}
		return -1
	}
	if n := dropped(); n < asked-room-256 || n > asked-room {
		t.Errorf("%d of %d entries are dropped while nothing is kept, want about %d", n, asked, asked-room)
	}
	close(stuck)
	w.gateway.Close()
	if n := dropped(); n != asked {
		t.Errorf("%d of %d entries are counted as dropped, want all: none could be kept", n, asked)
	}
}

// nowhere is a client that reads nothing.
type nowhere struct{ header http.Header }

func (n nowhere) Header() http.Header         { return n.header }
func (n nowhere) WriteHeader(int)             {}
func (n nowhere) Write(b []byte) (int, error) { return len(b), nil }

// The gateway's own metrics have fixed labels: nothing of what clients send.
func TestMetrics(t *testing.T) {
	w := newFake(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "{}") })
	w.get("ann", "/prometheus/api/v1/query", "query", "secret_query")
	w.get("ann", "/loki/loki/api/v1/label/secret_label/values")
	w.get("ann", "/jaeger/secret_path")
	w.get("ann", "/secret_prefix/x")
	w.get("secret_player", "/loki/loki/api/v1/labels")
	w.get("ann", "/prometheus/api/v1/query", "query", "secret(")
	want := `
# HELP firedrill_gateway_requests_total Requests of Grafana's data sources, by class of the answer's status.
# TYPE firedrill_gateway_requests_total counter
firedrill_gateway_requests_total{backend="",code="4xx",endpoint="other"} 1
firedrill_gateway_requests_total{backend="jaeger",code="4xx",endpoint="other"} 1
firedrill_gateway_requests_total{backend="loki",code="2xx",endpoint="label_values"} 1
firedrill_gateway_requests_total{backend="loki",code="4xx",endpoint="other"} 1
firedrill_gateway_requests_total{backend="prometheus",code="2xx",endpoint="query"} 1
firedrill_gateway_requests_total{backend="prometheus",code="4xx",endpoint="query"} 1
# HELP firedrill_gateway_refusals_total Requests that were refused, by reason.
# TYPE firedrill_gateway_refusals_total counter
firedrill_gateway_refusals_total{reason="endpoint"} 2
firedrill_gateway_refusals_total{reason="path"} 0
firedrill_gateway_refusals_total{reason="role"} 0
firedrill_gateway_refusals_total{reason="scope"} 0
firedrill_gateway_refusals_total{reason="session"} 1
firedrill_gateway_refusals_total{reason="token"} 0
firedrill_gateway_refusals_total{reason="user"} 0
`
	// A client may have its answer before the request is counted.
	eventually(t, "six requests are counted", func() bool {
		return testutil.GatherAndCompare(w.registry, strings.NewReader(want), "firedrill_gateway_requests_total", "firedrill_gateway_refusals_total") == nil
	})
	if err := testutil.GatherAndCompare(w.registry, strings.NewReader(want), "firedrill_gateway_requests_total", "firedrill_gateway_refusals_total"); err != nil {
		t.Error(err)
	}
}
