package httpapi

import (
	"context"
	"fmt"
	"net/http"

	"firedrill/internal/challenge"
	"firedrill/internal/httpapi/wire"
)

const tokensTag = "Tokens"

func viewToken(t challenge.Token) wire.Token {
	return wire.Token{
		ID: t.ID, Role: string(t.Role), Name: t.Name, CreatedAt: wire.At(t.CreatedAt), Expires: wire.At(t.Expires), Revoked: wire.At(t.Revoked),
	}
}

// audited keeps what a facilitator did to tokens.
func (a *API) audited(ctx context.Context, c challenge.Call, action, detail string) error {
	return a.o.Service.Audited(ctx, challenge.AuditEntry{Actor: c.Name, Role: c.Role, Remote: c.Remote, Action: action, Detail: detail})
}

func (a *API) registerTokens() {
	add(a, op{
		id: "create-token", method: http.MethodPost, path: "/tokens", tag: tokensTag, status: http.StatusCreated, only: challenge.FacilitatorRole,
		summary: "Create a token", text: "The answer holds the token, which cannot be shown again; so a request that is repeated makes another.",
	}, func(ctx context.Context, c challenge.Call, in *struct{ Body wire.NewToken }) (wire.MadeToken, error) {
		secret, token, err := a.o.Tokens.Create(ctx, challenge.Role(in.Body.Role), in.Body.Name, in.Body.Expires.Time)
		if err != nil {
			return wire.MadeToken{}, err
		}
		err = a.audited(ctx, c, "token.create", fmt.Sprintf("%s, %s %s", token.ID, token.Role, token.Name))
		return wire.MadeToken{Token: viewToken(token), Secret: secret}, err
	})
	add(a, op{
		id: "list-tokens", method: http.MethodGet, path: "/tokens", tag: tokensTag, only: challenge.FacilitatorRole,
		summary: "List the tokens", text: "The oldest first, all on one page, with those that are not good any more.",
	}, func(ctx context.Context, _ challenge.Call, _ *struct{}) (wire.List[wire.Token], error) {
		found, err := a.o.Tokens.List(ctx)
		if err != nil {
			return wire.List[wire.Token]{}, err
		}
		return list(a, found, "", viewToken), nil
	})
	type tokenIn struct {
		ID string `path:"id" maxLength:"64" doc:"ID of the token." example:"t0a1b2c3d4e5f"`
	}
	add(a, op{
		id: "revoke-token", method: http.MethodPost, path: "/tokens/{id}/revoke", tag: tokensTag, only: challenge.FacilitatorRole,
		summary: "Revoke a token", text: "It is refused everywhere within two seconds.", codes: []challenge.Code{challenge.NotFound},
	}, func(ctx context.Context, c challenge.Call, in *tokenIn) (wire.Revoked, error) {
		if err := a.o.Tokens.Revoke(ctx, in.ID); err != nil {
			return wire.Revoked{}, err
		}
		return wire.Revoked{ID: in.ID}, a.audited(ctx, c, "token.revoke", in.ID)
	})
}
