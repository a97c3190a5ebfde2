package gateway

import (
	"net/http"
	"strings"
	"time"
)

// tenant is the header that confines a request to Loki; there is no query that reaches beyond it.
func (a *ask) tenant() http.Header { return http.Header{tenantHeader: {a.session.ID}} }

// lokiTrail notes what is asked of Loki.
func lokiTrail(a *ask) {
	a.trail.From, a.trail.To = a.form.timeRange(time.Nanosecond)
	texts := append(a.form.Values["query"], a.form.Values["match[]"]...)
	texts = append(texts, a.form.Values["match"]...)
	a.trail.Query = strings.TrimSpace(a.arg + " " + strings.Join(texts, " "))
}

func lokiForward(g *Gateway, w http.ResponseWriter, a *ask) *problem {
	lokiTrail(a)
	return g.forward(w, a, g.loki, a.target(), a.form.Values, a.tenant())
}

func lokiTail(g *Gateway, w http.ResponseWriter, a *ask) *problem {
	lokiTrail(a)
	return g.tail(w, a, g.loki, a.target(), a.form.Values, a.tenant())
}
