package convert

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"firedrill/replay"
)

// dockerSlack is how far the container runtime's stamp may be from the application's before it is odd.
const dockerSlack = time.Second

// dockerRecord is one record of Docker's json-file log driver.
type dockerRecord struct {
	Log    *string   `json:"log"`
	Stream string    `json:"stream"`
	Time   time.Time `json:"time"`
}

// logs reads one log file. Rows are in no order; files overlap.
func (n *nezha) logs(name string) error {
	t, err := n.openTable(name, "Timestamp", "TimeUnixNano", "Node", "PodName", "Container", "TraceID", "SpanID", "Log")
	if err != nil {
		return err
	}
	defer t.close()
	streams := map[string]labels.Labels{}
	for {
		row, err := t.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := n.logRow(t, row, streams); err != nil {
			return t.errorf("%w", err)
		}
	}
}

func (n *nezha) logRow(t *table, row []string, streams map[string]labels.Labels) error {
	ns, err := parseNanos("TimeUnixNano", row[1])
	if err != nil {
		return err
	}
	if ts, err := time.Parse(time.RFC3339Nano, row[0]); err != nil || ts.UnixNano() != ns {
		n.doubt("log row whose Timestamp is not its TimeUnixNano, which was taken", t.place())
	}
	p, err := n.pod(row[3])
	if err != nil {
		return err
	}
	node, container := row[2], row[4]
	if node != "" {
		if err := checkKube(node); err != nil {
			return fmt.Errorf("column Node: %w", err)
		}
		if p.node != node {
			if p.nodeFromLog || p.node != "" {
				n.doubt("log row whose Node is not the pod's node known before, which was kept for metrics and spans", t.place())
			} else {
				p.node = strings.Clone(node)
			}
		}
		p.nodeFromLog = true
	}
	if container != "" {
		if err := checkKube(container); err != nil {
			return fmt.Errorf("column Container: %w", err)
		}
	}
	var rec dockerRecord
	if err := json.Unmarshal([]byte(row[7]), &rec); err != nil {
		return fmt.Errorf("column Log is not a record of Docker's json-file driver: %w", err)
	}
	if rec.Log == nil {
		return errors.New(`column Log is not a record of Docker's json-file driver: it has no "log"`)
	}
	if rec.Stream != "stdout" && rec.Stream != "stderr" {
		return fmt.Errorf("column Log has stream %.40q, want stdout or stderr", rec.Stream)
	}
	if rec.Time.Sub(time.Unix(0, ns)).Abs() > dockerSlack {
		n.doubt("log row whose container runtime stamped it more than 1s away from its TimeUnixNano", t.place())
	}
	key := p.name + "\x00" + node + "\x00" + container + "\x00" + rec.Stream
	l, ok := streams[key]
	if !ok {
		b := labels.NewBuilder(labels.EmptyLabels())
		b.Set("service_name", p.service)
		b.Set("namespace", p.namespace)
		b.Set("pod", p.name)
		b.Set("container", strings.Clone(container))
		b.Set("node", strings.Clone(node))
		b.Set("stream", rec.Stream)
		l = b.Labels()
		streams[key] = l
	}
	line := strings.TrimSuffix(*rec.Log, "\n")
	md, err := logMetadata(row[5], row[6], line)
	if err != nil {
		return err
	}
	return n.record(l, ns, line, md)
}

// logMetadata returns the ids of the row, and the severity when the line is JSON and says so in words.
func logMetadata(trace, span, line string) ([]replay.Pair, error) {
	var md []replay.Pair
	for _, id := range []struct {
		column, name, v string
		size            int
	}{{"TraceID", "trace_id", trace, 16}, {"SpanID", "span_id", span, 8}} {
		if id.v == "" {
			continue
		}
		var b [16]byte
		if err := parseID(b[:id.size], id.column, id.v); err != nil {
			return nil, err
		}
		md = append(md, replay.Pair{Name: id.name, Value: hex.EncodeToString(b[:id.size])})
	}
	if strings.HasPrefix(line, "{") {
		var v struct {
			Severity any `json:"severity"`
		}
		if json.Unmarshal([]byte(line), &v) == nil {
			if s, ok := v.Severity.(string); ok && s != "" && len(s) <= 32 {
				md = append(md, replay.Pair{Name: "severity_text", Value: s})
			}
		}
	}
	return md, nil
}

func parseNanos(column, s string) (int64, error) {
	v, err := strconv.ParseInt(s, 10, 64)
	if err != nil || v <= 0 {
		return 0, fmt.Errorf("column %s is %.40q, want nanoseconds since 1970", column, s)
	}
	return v, nil
}

// parseID decodes exactly len(dst) bytes of hex that are not all zero.
func parseID(dst []byte, column, s string) error {
	if len(s) == 2*len(dst) {
		if _, err := hex.Decode(dst, []byte(s)); err == nil {
			for _, b := range dst {
				if b != 0 {
					return nil
				}
			}
		}
	}
	return fmt.Errorf("column %s is %.60q, want %d hex digits that are not all zero", column, s, 2*len(dst))
}
