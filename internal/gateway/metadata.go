package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"firedrill/replay"
)

// maxNames bounds Prometheus's list of metric names, in bytes.
const maxNames = 16 << 20

// familySuffixes are what names of series carry beyond the name of their family, and the family is looked up by.
var familySuffixes = []string{"_bucket", "_count", "_sum", "_total", "_created", "_info", "_gcount", "_gsum"}

// promMetadata serves what the session's metrics say of themselves. Prometheus knows that of what it scrapes alone, and
// of everybody's; here it is the recording's, of the names that Prometheus holds of the session by now.
func promMetadata(g *Gateway, w http.ResponseWriter, a *ask) *problem {
	metric := a.form.Get("metric")
	a.trail.Query = metric
	limit := -1
	if s := a.form.Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			return newProblem(http.StatusBadRequest, "limit must be a number")
		}
		limit = n
	}
	ev, _, p := g.evidence(a.Context(), a.session)
	if p != nil {
		return p
	}
	names, err := g.metricNames(a.Context(), a)
	if err != nil {
		return &problem{status: http.StatusBadGateway, text: "prometheus does not answer: tell the facilitator", err: err}
	}
	data := make(map[string][]metadata)
	families := ev.Source.Families()
	for _, name := range names {
		if limit >= 0 && len(data) >= limit {
			break
		}
		key, f, ok := family(families, name)
		if ok && (metric == "" || metric == key || metric == name) {
			data[key] = []metadata{{f.Type, f.Help, f.Unit}}
		}
	}
	writeJSON(w, http.StatusOK, map[string]any{"status": "success", "data": data})
	return nil
}

// metadata is an entry of Prometheus's API (web/api/v1/api.go, metadata).
type metadata struct {
	Type string `json:"type"`
	Help string `json:"help"`
	Unit string `json:"unit"`
}

// family finds what a metric says of itself, and the name under which Grafana looks it up: that of the family for the series
// of histograms and summaries, whose suffixes it adds, and that of the series otherwise.
func family(fs map[string]replay.Family, name string) (key string, f replay.Family, ok bool) {
	if f, ok := fs[name]; ok {
		return name, f, true
	}
	for _, suffix := range familySuffixes {
		base, cut := strings.CutSuffix(name, suffix)
		if f, ok := fs[base]; cut && ok {
			if f.Type == "histogram" || f.Type == "summary" || f.Type == "gaugehistogram" {
				return base, f, true
			}
			return name, f, true
		}
	}
	return "", replay.Family{}, false
}

// metricNames asks Prometheus for the names of the session's metrics, in order.
func (g *Gateway) metricNames(ctx context.Context, a *ask) ([]string, error) {
	u := g.prometheus
	release, ok := u.underway.acquire(ctx, a.player, placeWithin)
	if !ok {
		return nil, errors.New("too many requests are under way")
	}
	defer release()
	ctx, cancel := context.WithTimeout(ctx, u.within)
	defer cancel()
	form := url.Values{"match[]": {"{" + newScope(a.session.ID).matcher.String() + "}"}}
	resp, err := u.client.Transport.RoundTrip(u.request(ctx, http.MethodGet, "/api/v1/label/__name__/values", form))
	if err != nil {
		return nil, fmt.Errorf("list metrics of a session: %w", err)
	}
	defer resp.Body.Close()
	var answer struct {
		Data []string `json:"data"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxNames)).Decode(&answer); err != nil || resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("list metrics of a session: %s, %w", resp.Status, err)
	}
	return answer.Data, nil
}
