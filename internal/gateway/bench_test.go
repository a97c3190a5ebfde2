package gateway_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"
)

// BenchmarkGateway asks the same questions directly and through the gateway, in turn. added-p50-us is how much longer
// the median takes through it, in microseconds:
// go test -run - -bench Gateway -benchtime 2000x ./internal/gateway
func BenchmarkGateway(b *testing.B) {
	w := newWorld(b)
	at := fmt.Sprint(w.ann.session.PageAt.Unix())
	for _, c := range []struct {
		name, direct, through string
		query                 []string
	}{
		{"prometheus", w.urls.Prometheus + "/api/v1/query", "/prometheus/api/v1/query", []string{"query", `sum by (shop) (rate(http_requests_total[1m]))`, "time", at}},
		// Loki takes from 4 ms to over a second for the same query of lines, asked directly, too: nothing can be seen through that.
		{"loki", w.urls.Loki + "/loki/api/v1/format_query", "/loki/loki/api/v1/format_query", []string{"query", `{shop="aquarium"}`}},
		{"jaeger", w.urls.Jaeger + "/api/traces/" + w.ann.trace(recordedStart), "/jaeger/api/traces/" + w.ann.trace(recordedStart), nil},
	} {
		b.Run("backend="+c.name, func(b *testing.B) {
			query := "?" + pairs(c.query).Encode()
			direct, err := http.NewRequestWithContext(b.Context(), http.MethodGet, c.direct+query, nil)
			if err != nil {
				b.Fatal(err)
			}
			direct.Header.Set("X-Scope-OrgID", annSession)
			through := w.request(http.MethodGet, "ann", c.through+query, nil)
			took := func(r *http.Request) time.Duration {
				began := time.Now()
				resp, err := http.DefaultClient.Do(r)
				if err != nil {
					b.Fatal(err)
				}
				defer resp.Body.Close()
				if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
					b.Fatal(resp.Status, err)
				}
				return time.Since(began)
			}
			var directs, throughs []time.Duration
			for b.Loop() {
				directs, throughs = append(directs, took(direct)), append(throughs, took(through))
			}
			slices.Sort(directs)
			slices.Sort(throughs)
			p50 := func(d []time.Duration) float64 { return float64(d[len(d)/2]) / 1e3 }
			b.ReportMetric(p50(directs), "direct-p50-us")
			b.ReportMetric(p50(throughs), "through-p50-us")
			b.ReportMetric(p50(throughs)-p50(directs), "added-p50-us")
		})
	}
}
