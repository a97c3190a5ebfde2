// Package gateway stands between Grafana and the back ends: every read of a player is confined to the player's
// session.
//
// New returns an http.Handler for the paths under /prometheus/, /loki/ and /jaeger/, which are the addresses of
// Grafana's own data sources. It knows Grafana by a bearer token of role grafana, and the player by the header
// X-Grafana-User that Grafana adds (dataproxy.send_user_header); docs/gateway.md has the list of what is allowed.
//
// # Isolation
//
// Only the endpoints of a fixed list exist, and each is scoped in its own way: PromQL and matchers get the
// label firedrill_session, Loki gets the session as its tenant, searches in Jaeger are rebuilt with the tag
// firedrill.session, and a trace is asked for only when its id is one of the session's. What a back end would answer for
// everybody (metadata, services, operations, dependencies) the gateway answers itself, from what the session has
// sent by now. Requests to back ends are made anew: of the client's headers only a few pass.
//
// # Trail
//
// What players ask is handed on in batches by a goroutine of its own; when that does not keep up, entries are
// dropped and counted.
package gateway
