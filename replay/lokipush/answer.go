package lokipush

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/prometheus/prometheus/model/labels"

	"firedrill/replay"
)

// Loki's words, from pkg/validation/validate.go, pkg/util/errors.go (GroupedErrors) and
// pkg/ingester/stream.go (errorForFailedEntries) of v3.7.8.
var (
	// ignored ends the ingester's refusal of lines out of order; it is about one stream.
	ignored = regexp.MustCompile(`total ignored: (\d+) out of \d+ for stream`)
	// grouped precedes each distinct message of the distributor, unless there is just one error.
	grouped = regexp.MustCompile(`(?:^|; )(\d+) errors like: `)
	// wholeStream marks messages that refuse all lines of a stream.
	wholeStream = regexp.MustCompile(`^error parsing labels '|^error at least one label pair|^missing required labels '` +
		`|^entry for stream '.*' has \d+ label names; limit|^stream '.*' has (label (name|value) too long|duplicate label name):`)
	// oneLine marks messages that refuse a single line.
	oneLine = regexp.MustCompile(`^max entry size '|^entry for stream '.*' has timestamp too (old|new)` +
		`|^stream '.*' (includes structured metadata|has structured metadata too large|has too many structured metadata)`)
)

// nothingStored begins the one 429 that Loki gives before it stores anything of a request
// (pkg/distributor/distributor.go, ingestionRateLimiter). The rate limit of a single stream comes
// when others have been stored already.
const nothingStored = "ingestion rate limit exceeded for user"

// judge completes a refusal of n lines by what the words say.
func judge(e *replay.PushError, words string, streams []streamPart, n int) {
	if e.Retryable {
		e.Unacknowledged = !strings.HasPrefix(words, nothingStored)
		return
	}
	e.Refused = n
	if strings.HasPrefix(e.Status, strconv.Itoa(http.StatusBadRequest)) {
		e.Refused = countRefused(words, streams, n)
	}
}

// countRefused reads from a 400 how many of n lines were refused: all of them when it does not say.
func countRefused(words string, streams []streamPart, n int) int {
	count := 0
	if found := ignored.FindAllStringSubmatch(words, -1); found != nil {
		for _, f := range found {
			count = addCapped(count, f[1], n)
		}
		return max(count, 1)
	}
	groups := grouped.FindAllStringSubmatchIndex(words, -1)
	if groups == nil {
		groups = [][]int{{0, 0, 0, 0}} // a single error: the whole of words, without a count
	}
	if groups[0][0] > 0 {
		return n // something precedes the groups
	}
	for i, g := range groups {
		end := len(words)
		if i+1 < len(groups) {
			end = groups[i+1][0]
		}
		message := words[g[1]:end]
		switch {
		case oneLine.MatchString(message) && g[2] == g[3]:
			count = min(count+1, n)
		case oneLine.MatchString(message):
			count = addCapped(count, words[g[2]:g[3]], n)
		case wholeStream.MatchString(message):
			count = min(count+linesOf(message, streams), n)
		default:
			return n
		}
	}
	return max(count, 1)
}

// linesOf counts the lines of the stream that a message names. Loki may have added service_name to
// its labels, so it is the stream with the most labels of which all are there.
func linesOf(message string, streams []streamPart) int {
	n, most := 0, -1
	for i := range streams {
		size := streams[i].stream.Labels.Len()
		if size < most || !names(message, streams[i].stream.Labels) {
			continue
		}
		if size > most {
			n, most = 0, size
		}
		n += streams[i].lines
	}
	return n
}

// names tells whether a message holds all of the labels.
func names(message string, ls labels.Labels) bool {
	all := true
	ls.Range(func(l labels.Label) {
		all = all && strings.Contains(message, l.Name+"="+strconv.Quote(l.Value))
	})
	return all
}

func addCapped(count int, digits string, limit int) int {
	k, err := strconv.Atoi(digits)
	if err != nil || k > limit-count {
		return limit
	}
	return count + k
}
