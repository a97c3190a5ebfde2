# firedrill alone: the back ends are images of their own, see docker-compose.yml.

FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o /out/firedrill ./cmd/firedrill \
	&& mkdir /out/state

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/firedrill /usr/local/bin/firedrill
# A named volume takes over the owner of the folder that it is mounted on.
COPY --from=build --chown=nonroot:nonroot /out/state /state
USER nonroot
ENTRYPOINT ["/usr/local/bin/firedrill"]
