# Commands for people who work with this checkout; `make` alone lists them.

GO ?= go
# gofmt looks at what git knows, not at bin/ and node_modules/.
GOFILES = $(shell git ls-files '*.go')

.DEFAULT_GOAL := help
.PHONY: help stack build play test check bench clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

stack: ## Build Prometheus, promtool, Loki and Jaeger into bin/ (about 20 min the first time)
	@tools/build.sh prometheus prometheus github.com/prometheus/prometheus/cmd/prometheus remove_all_sd
	@tools/build.sh promtool prometheus github.com/prometheus/prometheus/cmd/promtool remove_all_sd
	@tools/build.sh jaeger jaeger github.com/jaegertracing/jaeger/cmd/jaeger
	@tools/build.sh loki loki github.com/grafana/loki/v3/cmd/loki

build: ## Build bin/firedrill
	CGO_ENABLED=0 $(GO) build -o bin/firedrill ./cmd/firedrill

play: stack build ## Play the default scenario into a local stack
	bin/firedrill play

check: ## Look for unformatted files and suspicious code
	@unformatted=$$(gofmt -l $(GOFILES)); if [ -n "$$unformatted" ]; then \
		echo "not formatted, run gofmt -w on:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...

test: stack check build ## Run all tests with the race detector, and check every scenario, on the real back ends
	$(GO) test -race -timeout 30m ./...
	bin/firedrill scenario validate --all

bench: stack ## Run all benchmarks: encoders, recordings, simulations, and whole replays into the real back ends
	$(GO) test -run '^$$' -bench . -benchmem -timeout 60m ./replay/... ./scenarios/... ./internal/e2e

clean: ## Remove bin/ (built back ends stay in the cache)
	rm -rf bin
