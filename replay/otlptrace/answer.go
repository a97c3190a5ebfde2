package otlptrace

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"firedrill/replay"
	"firedrill/replay/endpoint"
)

// maxRetryAfter limits what a server may ask for: a longer wait is a mistake or an attack.
const maxRetryAfter = time.Hour

// partial reads the answer to an accepted request of n spans. The server may have rejected some of them
// for good; a message without rejected spans is a warning (OTLP specification, Partial Success).
func partial(answer []byte, n int, log *slog.Logger) error {
	response := ptraceotlp.NewExportResponse()
	if err := response.UnmarshalProto(answer); err != nil {
		return &replay.PushError{
			Retryable:      true,
			Unacknowledged: true,
			Err:            fmt.Errorf("parse answer to export: %w", err),
		}
	}
	words := cutWords(response.PartialSuccess().ErrorMessage())
	rejected := response.PartialSuccess().RejectedSpans()
	if rejected > 0 {
		return &replay.PushError{Refused: int(min(rejected, int64(n))), Status: "partial success", Words: words}
	}
	if words != "" {
		log.Warn("otlp: server warns", "words", words)
	}
	return nil
}

// cutWords limits and cleans a server's words as for any other sink.
func cutWords(s string) string { return endpoint.Words(strings.NewReader(s)) }
