package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"firedrill/internal/challenge"
	"firedrill/internal/httpapi/wire"
)

// op describes an operation.
type op struct {
	id, method, path, tag string
	summary, text         string
	only                  challenge.Role // "" is both, as far as the Service allows it
	status                int            // 0 is 200
	stream                bool
	types                 []string         // besides JSON
	codes                 []challenge.Code // besides those that every operation has
}

// everyCode are the codes that any operation may answer with.
var everyCode = []challenge.Code{challenge.Invalid, challenge.Unauthorized, challenge.Forbidden, challenge.TooMany, challenge.Unavailable, internalError}

// Extensions of the description that the page of documentation is made from.
const (
	extRoles  = "x-roles"
	extCodes  = "x-codes"
	streamOp  = "stream"
	onlyFor   = "only"
	mediaJSON = "application/json"
)

// Keyed is part of the input of operations that change something. The parts have exported names, since huma fills in no others.
type Keyed struct {
	Key string `header:"Idempotency-Key" maxLength:"200" doc:"New for each thing to do: repeating a request with its key does nothing more, and gives the first one's answer." example:"5b1e0c1a-7a53-4a0b"`
}

func (k Keyed) key() string { return k.Key }

// Paged is part of the input of lists.
type Paged struct {
	After string `query:"after" maxLength:"200" doc:"Cursor of the page before: its next."`
	Limit int    `query:"limit" minimum:"1" maximum:"500" default:"50" doc:"The most entries to return."`
}

func (p Paged) page() challenge.Page { return challenge.Page{After: p.After, Limit: p.Limit} }

// InSession is part of the input of what is about a session, InRound of what is about a round.
type (
	InSession struct {
		ID string `path:"id" maxLength:"64" doc:"ID of the session." example:"s3f9c01d2a4b7"`
	}
	InRound struct {
		ID string `path:"id" maxLength:"64" doc:"ID of the round." example:"r0b1c2d3e4f5a"`
	}
)

// reply is an answer in JSON.
type reply[T any] struct{ Body T }

// document is an answer in one of several types; its Body is []byte unless it is JSON.
type document struct {
	ContentType string `header:"Content-Type" hidden:"true"`
	Body        any
}

// add registers an operation that answers with JSON.
func add[I, O any](a *API, o op, fn func(ctx context.Context, c challenge.Call, in *I) (O, error)) {
	huma.Register(a.huma, a.operation(o), func(ctx context.Context, in *I) (*reply[O], error) {
		out, err := fn(ctx, a.call(ctx, in), in)
		if err != nil {
			return nil, a.problem(ctx, err)
		}
		return &reply[O]{out}, nil
	})
}

// addDocument registers an operation that answers in one of several types; T is what it is as JSON.
func addDocument[T, I any](a *API, o op, fn func(ctx context.Context, c challenge.Call, in *I) (*document, error)) {
	described := a.operation(o)
	content := map[string]*huma.MediaType{mediaJSON: {Schema: a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[T](), true, o.id)}}
	for _, t := range o.types {
		content[t] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}}
	}
	described.Responses = map[string]*huma.Response{"200": {Description: http.StatusText(http.StatusOK), Content: content}}
	huma.Register(a.huma, described, func(ctx context.Context, in *I) (*document, error) {
		out, err := fn(ctx, a.call(ctx, in), in)
		if err != nil {
			return nil, a.problem(ctx, err)
		}
		return out, nil
	})
}

// operation is what huma is told about an operation.
func (a *API) operation(o op) huma.Operation {
	roles := []string{string(challenge.FacilitatorRole), string(challenge.PlayerRole), string(challenge.PluginRole)}
	switch o.only {
	case challenge.FacilitatorRole:
		roles = roles[:1]
	case challenge.PlayerRole:
		roles = roles[1:]
	}
	list := []string{}
	for _, c := range slices.Concat(everyCode, o.codes) {
		list = append(list, string(c))
	}
	return huma.Operation{
		OperationID: o.id, Method: o.method, Path: o.path, Tags: []string{o.tag}, Summary: o.summary, Description: o.text,
		DefaultStatus: o.status, MaxBodyBytes: a.limits.body, BodyReadTimeout: a.limits.bodyTime,
		RejectUnknownQueryParameters: true,
		Metadata:                     map[string]any{streamOp: o.stream, onlyFor: o.only},
		Extensions:                   map[string]any{extRoles: roles, extCodes: list},
		Security:                     []map[string][]string{{"token": {}}},
	}
}

// identify finds out who asks, and refuses those who may not.
func (a *API) identify(ctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	info := requestOf(r.Context())
	info.route, info.stream = Prefix+ctx.Operation().Path, ctx.Operation().Metadata[streamOp] == true
	c, err := a.o.Identify(r)
	var p *Problem
	switch {
	case err != nil:
		p = a.problem(r.Context(), err)
	case !a.actors.allow(actor(c), a.tick()):
		p = tooFast("this user")
	case !mayUse(ctx.Operation(), c.Role):
		p = newProblem(challenge.Forbidden, fmt.Sprintf("a %s cannot do this, only a %s", c.Role, ctx.Operation().Metadata[onlyFor]))
	default:
		info.call = c
		next(ctx)
		return
	}
	if p.Status < http.StatusInternalServerError {
		a.refused(r.Context(), c, r.Method, info.route, p)
	}
	p.write(w)
}

// mayUse tells whether an operation is for a role.
func mayUse(o *huma.Operation, role challenge.Role) bool {
	only, _ := o.Metadata[onlyFor].(challenge.Role)
	return only == "" || only == role
}

// actor is whose limits a call is charged to.
func actor(c challenge.Call) string { return string(c.Role) + "/" + c.Name }

// bound ends requests that are no streams in time.
func (a *API) bound(ctx huma.Context, next func(huma.Context)) {
	if ctx.Operation().Metadata[streamOp] == true {
		next(ctx)
		return
	}
	limited, cancel := context.WithTimeout(ctx.Context(), a.limits.time)
	defer cancel()
	next(huma.WithContext(ctx, limited))
}

// call is who asks, once the request has been read.
func (a *API) call(ctx context.Context, in any) challenge.Call {
	c := requestOf(ctx).call
	if k, ok := in.(interface{ key() string }); ok {
		c.Key = k.key()
	}
	return c
}

// openAPIConfig is what the description says in general.
func openAPIConfig() huma.Config {
	schemas := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	schemas.RegisterTypeAlias(reflect.TypeFor[wire.Time](), reflect.TypeFor[time.Time]())
	schemas.RegisterTypeAlias(reflect.TypeFor[Problem](), reflect.TypeFor[wire.Problem]())
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Firedrill", Version: "1", License: &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
				Description: "Sessions, rounds, suspects and leaderboards of replayed incidents. Times are RFC 3339 in UTC with milliseconds, durations are seconds.",
			},
			Components: &huma.Components{
				Schemas: schemas,
				SecuritySchemes: map[string]*huma.SecurityScheme{"token": {
					Type: "http", Scheme: "bearer", Description: "A token of firedrill token create. A plugin's token also needs the header " + UserHeader + " with the login of the player it speaks for.",
				}},
			},
		},
		// huma looks for a format by what follows the plus sign of application/problem+json.
		Formats:       map[string]huma.Format{mediaJSON: huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat: mediaJSON,
	}
}
