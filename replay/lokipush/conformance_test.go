package lokipush_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"firedrill/internal/stack/stacktest"
	"firedrill/replay"
	"firedrill/replay/endpoint"
	"firedrill/replay/lokipush"
	"firedrill/replay/sinktest"
)

func TestConformance(t *testing.T) {
	sinktest.Suite[replay.Record]{
		New: func(tb testing.TB, o sinktest.Options) replay.Sink[replay.Record] {
			return mustNew(tb, lokipush.Options{
				Endpoint: o.Endpoint,
				Tenant:   o.Session,
				MaxLines: o.MaxItems,
				MaxBytes: o.MaxBytes,
			})
		},
		Make:   sinktest.Records,
		Server: loki,
		Load:   load,
		// Loki refuses what is more than 10 min ahead of its clock (creation_grace_period).
		Spoil: func(r replay.Record) replay.Record {
			r.T = time.Now().Add(time.Hour).UnixNano()
			return r
		},
		Accept: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
	}.Run(t)
}

func mustNew(tb testing.TB, o lokipush.Options) *lokipush.Sink {
	tb.Helper()
	s, err := lokipush.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// loki returns how to reach the real Loki.
func loki(tb testing.TB) endpoint.Config {
	tb.Helper()
	return endpoint.Config{URL: stacktest.Shared(tb).URLs().Loki}
}

// load returns all lines of a tenant with the service_name label, in the order of its streams. Lines of
// one stream and time are put in the order in which they were pushed: Loki returns them in any order.
func load(tb testing.TB, at endpoint.Config, session string, pushed []replay.Record) []replay.Record {
	tb.Helper()
	from, to := pushed[0].T, pushed[0].T
	for _, r := range pushed {
		from, to = min(from, r.T), max(to, r.T)
	}
	query := url.Values{
		"query": {`{service_name=~".+"}`}, "direction": {"forward"}, "limit": {"100000"},
		"start": {strconv.FormatInt(from, 10)}, "end": {strconv.FormatInt(to+1, 10)},
	}
	var answer struct {
		Data struct {
			Result []struct {
				Stream map[string]string    `json:"stream"`
				Values [][3]json.RawMessage `json:"values"`
			} `json:"result"`
		} `json:"data"`
	}
	body := get(tb, at.URL+"/loki/api/v1/query_range?"+query.Encode(), session)
	if err := json.Unmarshal(body, &answer); err != nil {
		tb.Fatalf("%v in %.200s", err, body)
	}
	var records []replay.Record
	for _, r := range answer.Data.Result {
		stream := &replay.Stream{Labels: labels.FromMap(r.Stream)}
		for _, v := range r.Values {
			var (
				t, line string
				added   struct {
					StructuredMetadata map[string]string `json:"structuredMetadata"`
				}
			)
			for i, into := range []any{&t, &line, &added} {
				if v[i] == nil {
					continue
				}
				if err := json.Unmarshal(v[i], into); err != nil {
					tb.Fatalf("%v in %s", err, v[i])
				}
			}
			record := replay.Record{Stream: stream, Line: []byte(line)}
			var err error
			if record.T, err = strconv.ParseInt(t, 10, 64); err != nil {
				tb.Fatal(err)
			}
			for name, value := range added.StructuredMetadata {
				if name != "detected_level" { // Loki adds it
					record.Metadata = append(record.Metadata, replay.Pair{Name: name, Value: value})
				}
			}
			records = append(records, record)
		}
	}
	order := map[string]int{}
	for i, r := range pushed {
		order[fmt.Sprint(r.T, string(r.Line))] = i
	}
	slices.SortStableFunc(records, func(a, b replay.Record) int {
		return cmp.Or(cmp.Compare(a.T, b.T), order[fmt.Sprint(a.T, string(a.Line))]-order[fmt.Sprint(b.T, string(b.Line))])
	})
	return records
}

// get asks Loki as a tenant.
func get(tb testing.TB, target, tenant string) []byte {
	tb.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, target, nil)
	if err != nil {
		tb.Fatal(err)
	}
	req.Header.Set("X-Scope-OrgID", tenant)
	req.Header.Set("X-Loki-Response-Encoding-Flags", "categorize-labels")
	resp, err := client.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		tb.Fatalf("get %s: %s, %v: %.500s", target, resp.Status, err, body)
	}
	return body
}
