// Package stack holds the configuration files of the back ends, so that the firedrill binary
// carries them wherever it is copied. docker-compose.yml mounts the very same files.
package stack

import "embed"

// Files are prometheus.yml, loki.yaml and jaeger.yaml. What differs from one start to the next
// (addresses, data folders) comes from flags and environment variables that the servers themselves
// understand, see each file.
//
//go:embed prometheus.yml loki.yaml jaeger.yaml
var Files embed.FS
