package gateway

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus-community/prom-label-proxy/injectproxy"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"firedrill/replay/recording"
)

// promParser takes what Prometheus takes without feature flags: info(), an experimental function, would join the
// series of all sessions.
var promParser = parser.NewParser(parser.Options{})

// scope confines selectors to one session. The matching is injectproxy's. Its walk through an expression and its HTTP routes
// are not used: the walk leaves out the parameter of an aggregation (v0.15.0, EnforceNode), so that
// quantile(scalar(foo), bar) would read the foo of other sessions, and the routes have a transport of their own
// without credentials.
type scope struct {
	matcher  *labels.Matcher
	enforcer *injectproxy.PromQLEnforcer
}

func newScope(session string) scope {
	m := labels.MustNewMatcher(labels.MatchEqual, recording.SessionLabel, session)
	return scope{m, injectproxy.NewPromQLEnforcer(true, m)}
}

// query returns the expression with all its selectors confined.
func (s scope) query(q string) (string, *problem) {
	expr, err := promParser.ParseExpr(q)
	if err != nil {
		return "", newProblem(http.StatusBadRequest, "invalid parameter \"query\": %v", err)
	}
	var p *problem
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		if vs, ok := node.(*parser.VectorSelector); ok && p == nil {
			vs.LabelMatchers, p = s.enforce(vs.LabelMatchers)
		}
		return nil
	})
	if p != nil {
		return "", p
	}
	scoped := expr.String()
	// What Prometheus will read is the text: if it does not read as confined, it is not sent.
	again, err := promParser.ParseExpr(scoped)
	if err != nil {
		return "", newProblem(http.StatusBadRequest, "the query cannot be confined to your session: write it in another way")
	}
	for _, ms := range parser.ExtractSelectors(again) {
		if !s.confined(ms) {
			return "", newProblem(http.StatusBadRequest, "the query cannot be confined to your session: write it in another way")
		}
	}
	return scoped, nil
}

// selector returns a series selector that is confined.
func (s scope) selector(text string) (string, *problem) {
	ms, err := promParser.ParseMetricSelector(text)
	if err != nil {
		return "", newProblem(http.StatusBadRequest, "invalid parameter \"match[]\": %v", err)
	}
	ms, p := s.enforce(ms)
	if p != nil {
		return "", p
	}
	parts := make([]string, len(ms))
	for i, m := range ms {
		parts[i] = m.String()
	}
	scoped := "{" + strings.Join(parts, ",") + "}"
	if again, err := promParser.ParseMetricSelector(scoped); err != nil || !s.confined(again) {
		return "", newProblem(http.StatusBadRequest, "the selector cannot be confined to your session: write it in another way")
	}
	return scoped, nil
}

func (s scope) enforce(ms []*labels.Matcher) ([]*labels.Matcher, *problem) {
	ms, err := s.enforcer.EnforceMatchers(ms)
	if errors.Is(err, injectproxy.ErrIllegalLabelMatcher) {
		return nil, refusal(http.StatusForbidden, reasonScope, "the query asks for another session: leave the label %s out, yours is added", recording.SessionLabel)
	}
	if err != nil {
		return nil, newProblem(http.StatusBadRequest, "%v", err)
	}
	return ms, nil
}

// confined tells whether a selector matches nothing outside the session.
func (s scope) confined(ms []*labels.Matcher) bool {
	for _, m := range ms {
		if m.Name == s.matcher.Name && m.Type == labels.MatchEqual && m.Value == s.matcher.Value {
			return true
		}
	}
	return false
}

// promQuery serves what takes an expression.
func promQuery(g *Gateway, w http.ResponseWriter, a *ask) *problem {
	a.trail.From, a.trail.To = a.form.timeRange(time.Millisecond)
	q, p := a.form.query()
	if p != nil {
		return p
	}
	a.trail.Query = q
	if q, p = newScope(a.session.ID).query(q); p != nil {
		return p
	}
	a.form.Set("query", q)
	return g.forward(w, a, g.prometheus, a.target(), a.form.Values, nil)
}

// promMatch serves what takes selectors.
func promMatch(g *Gateway, w http.ResponseWriter, a *ask) *problem {
	a.trail.From, a.trail.To = a.form.timeRange(time.Millisecond)
	selectors := a.form.Values["match[]"]
	a.trail.Query = strings.TrimSpace(a.arg + " " + strings.Join(selectors, " "))
	s := newScope(a.session.ID)
	scoped := make([]string, len(selectors))
	for i, text := range selectors {
		if len(text) > maxQuery {
			return newProblem(http.StatusBadRequest, "a selector is longer than %d bytes", maxQuery)
		}
		var p *problem
		if scoped[i], p = s.selector(text); p != nil {
			return p
		}
	}
	if len(scoped) == 0 {
		scoped = []string{"{" + s.matcher.String() + "}"}
	}
	a.form.Values["match[]"] = scoped
	return g.forward(w, a, g.prometheus, a.target(), a.form.Values, nil)
}

// promText serves what only looks at the text of a query.
func promText(g *Gateway, w http.ResponseWriter, a *ask) *problem {
	q, p := a.form.query()
	if p != nil {
		return p
	}
	a.trail.Query = q
	return g.forward(w, a, g.prometheus, a.target(), url.Values{"query": {q}}, nil)
}
