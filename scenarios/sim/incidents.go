package sim

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"firedrill/scenarios/sim/des"
	"firedrill/scenarios/sim/flow"
	"firedrill/scenarios/sim/model"
	"firedrill/scenarios/sim/telemetry/logformat"
)

// quiet bounds how often a process repeats one message, as loggers with sampling do: the first ones of ten seconds,
// then every tenth.
type quiet struct {
	since des.Time
	n     int
}

const (
	quietWindow = 10 * des.Second
	quietFirst  = 5
	quietEvery  = 10
)

// says tells whether a message is written once more.
func (p *process) says(what string, at des.Time) bool {
	q := p.quiet[what]
	if q == nil || at-q.since >= quietWindow {
		q = &quiet{since: at}
		p.quiet[what] = q
	}
	q.n++
	return q.n <= quietFirst || q.n%quietEvery == 0
}

// Happened is called by the request path.
func (r *run) Happened(i *flow.Incident) {
	p := processOf(i.Replica)
	if p == nil || !r.recording(i.Time) {
		return
	}
	if p.gateway != nil {
		return // Proxies count what they repeat and refuse; their logs have the request alone.
	}
	e := logformat.Event{Level: logformat.Warn, Logger: p.clientLogger(), Thread: p.thread(i.Trace), Caller: p.caller(ofClient, i.Kind.String())}
	what := i.Kind.String()
	if i.Dependency != nil {
		what += " " + i.Dependency.Target.Model.Name
	}
	java := p.unit.service.Model.Runtime == model.JVM
	switch i.Kind {
	case flow.Retrying:
		e.Message = "retrying call to " + i.Dependency.Target.Model.Name
		e.Fields = []logformat.Field{{Key: "attempt", Value: i.Attempt + 1}, {Key: "backoff", Value: millis(i.Wait)}}
		e.Err, e.ErrType = p.text(i.Failure, i.Trace), class(i.Failure)
		if p.plainText() {
			e.Message += " in " + millis(i.Wait) + " (attempt " + itoa(i.Attempt+1) + "): " + e.Err
			e.Err, e.Fields = "", nil
		}
	case flow.RetryExhausted:
		if i.Attempt < 2 {
			return
		}
		e.Message = "giving up on " + i.Dependency.Target.Model.Name + " after " + itoa(i.Attempt) + " attempts"
	case flow.RetryDenied:
		e.Message = "retry budget of " + i.Dependency.Target.Model.Name + " exhausted"
	case flow.BreakerOpened, flow.BreakerHalfOpen, flow.BreakerClosed:
		e.Message = "circuit breaker " + i.Dependency.Target.Model.Name + " is " + strings.ReplaceAll(strings.TrimPrefix(i.Kind.String(), "breaker_"), "_", " ")
		if p.app != nil {
			was := &p.app.clients[i.Dependency.Index].phase
			if java {
				e.Message = "CircuitBreaker '" + i.Dependency.Target.Model.Name + "' changed state from " +
					strings.ToUpper(was.String()+" to "+i.Dependency.Breaker.Phase.String())
				e.Message = strings.Replace(e.Message, " TO ", " to ", 1)
			}
			*was = i.Dependency.Breaker.Phase
		}
	case flow.ConnectionsFull:
		e = logformat.Event{Level: logformat.Fatal, Thread: itoa(200 + p.rand.IntN(60)), Logger: database(p.unit.service.Model) + "@" + database(p.unit.service.Model), Message: "sorry, too many clients already"}
	case flow.MessageRetrying:
		r.message(p, &e, i, "message handler failed, will retry in "+millis(i.Wait))
	case flow.MessageDropped:
		e.Level = logformat.Error
		done := "message handler failed, message skipped"
		if i.Group.Model.DeadLetter != "" {
			done = "message handler failed, message sent to " + i.Group.Model.DeadLetter
		}
		r.message(p, &e, i, done)
	case flow.Rebalanced:
		group := i.Group
		r.flow.Kernel.After(joined, des.HandlerFunc(func(uint64) { r.rebalanced(group) }), 0)
		return
	default:
		return // A full queue and a pool that is empty show in the error that follows; the dead write nothing.
	}
	if p.says(what, i.Time) {
		p.write(i.Time, i.Trace, e)
	}
}

// message says what a consumer does with a message that it cannot handle.
func (r *run) message(p *process, e *logformat.Event, i *flow.Incident, text string) {
	d := i.Message
	e.Logger, e.Message, e.Caller = p.logger(), text, p.caller(ofService, i.Kind.String())
	e.Fields = []logformat.Field{
		{Key: "topic", Value: d.Topic.Model.Name}, {Key: "partition", Value: d.Partition},
		{Key: "offset", Value: d.Offset + r.offsetBase(d.Topic, d.Partition)}, {Key: "attempt", Value: i.Attempt},
	}
	if i.Failure != nil {
		e.Err, e.ErrType = p.text(i.Failure, i.Trace), class(i.Failure)
		e.Stack = p.stack(i.Operation, i.Failure)
	}
}

// joined is the time from the new deal until the members have it.
const joined = 150 * des.Millisecond

// rebalanced is what the members of a consumer group say of their new partitions.
func (r *run) rebalanced(group *flow.Group) {
	owned := map[*process][]string{}
	for n, o := range group.Offsets {
		if p := processOf(o.Owner); p != nil {
			owned[p] = append(owned[p], group.Topic.Model.Name+"-"+strconv.Itoa(n))
		}
	}
	for _, p := range slices.SortedFunc(maps.Keys(owned), func(a, b *process) int { return strings.Compare(a.replica.Name, b.replica.Name) }) {
		e := logformat.Event{Level: logformat.Info, Logger: p.clientLogger(), Thread: p.background(), Caller: p.caller(ofClient, "rebalance")}
		e.Message = "[Consumer groupId=" + group.Model.Group + "] Adding newly assigned partitions: " + strings.Join(owned[p], ", ")
		p.write(r.flow.Kernel.Now(), flow.Trace{}, e)
	}
}

// plainText tells whether the log has the error on the line itself, not in a field of its own.
func (p *process) plainText() bool {
	f := p.unit.service.Model.Logs.Format
	return f == "logback" || f == "python"
}

func millis(t des.Time) string { return strconv.FormatInt(int64(t/des.Millisecond), 10) + "ms" }

// thousandths writes milliseconds as PostgreSQL does.
func thousandths(t des.Time) string {
	return strconv.FormatFloat(float64(t/des.Microsecond)/1000, 'f', 3, 64)
}

// trimmed writes milliseconds without a fraction, or with one digit when they are few.
func trimmed(ms float64) string {
	if ms < 10 {
		return strconv.FormatFloat(ms, 'f', 1, 64)
	}
	return strconv.FormatFloat(ms, 'f', 0, 64)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// seconds writes a time with milliseconds, as start-up lines do.
func seconds(t des.Time) string { return strconv.FormatFloat(t.Seconds(), 'f', 3, 64) }

// replacer returns what replaces names by values.
func replacer(pairs ...string) func(string) string { return strings.NewReplacer(pairs...).Replace }
