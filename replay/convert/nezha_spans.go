package convert

import (
	"errors"
	"fmt"
	"io"
	"strconv"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// spanBatch is how many spans are handed on at once.
const spanBatch = 1000

// resource fills the resource of a pod's spans. The instance id is a copy of the pod's name: Jaeger
// takes service.name out of the tags, and links from a span to metrics need something that stays.
func (p *pod) resource(r pcommon.Resource) {
	a := r.Attributes()
	a.PutStr("service.name", p.service)
	a.PutStr("service.instance.id", p.name)
	a.PutStr("k8s.namespace.name", p.namespace)
	a.PutStr("k8s.pod.name", p.name)
	if p.node != "" {
		a.PutStr("k8s.node.name", p.node)
	}
}

// traces reads one trace file. Files overlap. Kind and status are not recorded and stay unset: what
// looks like a client span may be one inside the process.
func (n *nezha) traces(name string) error {
	t, err := n.openTable(name, "TraceID", "SpanID", "ParentID", "PodName", "OperationName",
		"StartTimeUnixNano", "EndTimeUnixNano", "Duration")
	if err != nil {
		return err
	}
	defer t.close()
	td, byPod := ptrace.NewTraces(), map[*pod]ptrace.SpanSlice{}
	for {
		row, err := t.next()
		if errors.Is(err, io.EOF) {
			return n.spans(td)
		}
		if err != nil {
			return err
		}
		p, err := n.pod(row[3])
		if err != nil {
			return t.errorf("%w", err)
		}
		spans, ok := byPod[p]
		if !ok {
			rs := td.ResourceSpans().AppendEmpty()
			p.resource(rs.Resource())
			spans = rs.ScopeSpans().AppendEmpty().Spans()
			byPod[p] = spans
		}
		odd, err := nezhaSpan(row, spans)
		if err != nil {
			return t.errorf("%w", err)
		}
		if odd {
			n.doubt("span whose Duration is not its end minus its start, which were taken", t.place())
		}
		if td.SpanCount() >= spanBatch {
			if err := n.spans(td); err != nil {
				return t.errorf("%w", err)
			}
			td, byPod = ptrace.NewTraces(), map[*pod]ptrace.SpanSlice{}
		}
	}
}

// nezhaSpan appends the row's span to spans. It reports whether the duration contradicts the times.
func nezhaSpan(row []string, spans ptrace.SpanSlice) (odd bool, err error) {
	var trace pcommon.TraceID
	var id, parent pcommon.SpanID
	if err := parseID(trace[:], "TraceID", row[0]); err != nil {
		return false, err
	}
	if err := parseID(id[:], "SpanID", row[1]); err != nil {
		return false, err
	}
	if row[2] != "root" && row[2] != "" {
		if err := parseID(parent[:], "ParentID", row[2]); err != nil {
			return false, fmt.Errorf("%w, or the word root", err)
		}
	}
	start, err := parseNanos("StartTimeUnixNano", row[5])
	if err != nil {
		return false, err
	}
	end, err := parseNanos("EndTimeUnixNano", row[6])
	if err != nil {
		return false, err
	}
	if end < start {
		return false, fmt.Errorf("span ends %d ns before it starts", start-end)
	}
	s := spans.AppendEmpty()
	s.SetTraceID(trace)
	s.SetSpanID(id)
	s.SetParentSpanID(parent)
	s.SetName(row[4])
	s.SetStartTimestamp(pcommon.Timestamp(start))
	s.SetEndTimestamp(pcommon.Timestamp(end))
	us, err := strconv.ParseInt(row[7], 10, 64) // truncated microseconds
	return err != nil || us != (end-start)/1000, nil
}
