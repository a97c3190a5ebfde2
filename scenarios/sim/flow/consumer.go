package flow

import (
	"sort"

	"firedrill/scenarios/sim/des"
	"firedrill/scenarios/sim/model"
)

// groupState is a group's members, one for each partition.
type groupState struct {
	members []*member
	dealing bool // a rebalance is planned
}

// member works on one partition for its group: on one message at a time, in order.
type member struct {
	flow      *Flow
	group     *Group
	partition int
	busy      bool // a message is being fetched, worked on, or waits to be tried again
	tries     int
	owner     *Replica // next owner, once the message under way is done with
	delivery  Delivery
}

// Events of a member.
const (
	memberFetched uint64 = iota
	memberRetries
)

// rebalanceDelay is from a change of the members to the new deal (Kafka's group.initial.rebalance.delay.ms).
const rebalanceDelay = 3 * des.Second

// retryMost is the longest wait between two tries of a message.
const retryMost = 30 * des.Second

// pollEvery is how often a consumer asks whether a partition has a leader again.
const pollEvery = des.Second

// Handle receives the member's events.
func (m *member) Handle(kind uint64) {
	m.busy = false
	if kind == memberFetched {
		m.deliver()
	} else {
		m.pump()
	}
}

// pump fetches the next message, if there is one and nothing else to do.
func (m *member) pump() {
	t, o := m.group.Topic, &m.group.Offsets[m.partition]
	if m.busy {
		return
	}
	o.Owner = m.owner
	if o.Owner == nil || o.Owner.dead || o.Committed >= t.Partitions[m.partition].End {
		return
	}
	m.busy = true
	broker := t.leader(m.partition)
	if broker == nil || broker.dead {
		m.flow.Kernel.After(pollEvery, m, memberRetries)
		return
	}
	m.flow.Kernel.After(m.flow.between(t.rand, broker, o.Owner), m, memberFetched)
}

// deliver hands the message to its owner.
func (m *member) deliver() {
	g, o := m.group, &m.group.Offsets[m.partition]
	t := g.Topic
	p := &t.Partitions[m.partition]
	owner := o.Owner
	if owner == nil || owner.dead || owner != m.owner {
		m.pump()
		return
	}
	m.busy = true
	m.tries++
	e := &p.log[o.Committed-p.first]
	m.delivery = Delivery{
		Topic: t, Group: g, Partition: m.partition, Offset: o.Committed, Try: m.tries,
		Published: e.published, Producer: e.producer,
	}
	f := m.flow
	r := f.newRequest()
	r.replica, r.op, r.message, r.deadline, r.trace = owner, g.Operation, m, des.Never, e.producer
	r.caller = f.nobody
	r.poison = e.poison
	r.arrive()
}

// handled is the end of a try.
func (m *member) handled(failure *Failure) {
	f, g := m.flow, m.group
	o := &g.Offsets[m.partition]
	if failure == nil {
		g.Done++
		m.commit()
		return
	}
	g.Failed++
	incident := Incident{
		Kind: MessageRetrying, Replica: o.Owner, Operation: g.Operation, Failure: failure, Attempt: m.tries,
		Trace: m.delivery.Producer, Group: g, Message: &m.delivery,
	}
	if g.Model.Attempts > 0 && m.tries >= g.Model.Attempts {
		g.Dropped++
		incident.Kind = MessageDropped
		f.happened(incident)
		if name := g.Model.DeadLetter; name != "" {
			dead := f.topic(name)
			dead.put(dead.choosePartition(dead.rand), o.Owner, entry{producer: m.delivery.Producer})
		}
		m.commit()
		return
	}
	wait := des.Time(g.Model.Backoff)
	for i := 1; i < m.tries && wait < retryMost; i++ {
		wait *= 2
	}
	incident.Wait = min(wait, retryMost)
	f.happened(incident)
	f.Kernel.After(incident.Wait, m, memberRetries)
}

// commit moves past the message.
func (m *member) commit() {
	m.tries, m.busy = 0, false
	m.group.Offsets[m.partition].Committed++
	m.group.Topic.trim(m.partition)
	m.pump()
}

// lost: the owner's container died with the message, which will be delivered again.
func (m *member) lost() { m.busy = false }

// membersChanged plans a rebalance of the groups of a service.
func (f *Flow) membersChanged(service *Service) {
	for _, t := range f.Topics {
		for _, g := range t.Groups {
			if g.Service == service && !g.dealing {
				g.dealing = true
				f.Kernel.After(rebalanceDelay, g, 0)
			}
		}
	}
}

// Handle deals the partitions among the endpoints, in order of their names, as Kafka's range assignor does.
func (g *Group) Handle(uint64) {
	g.dealing = false
	all := append([]*Replica(nil), g.Service.endpoints...)
	all = alive(all)
	sort.SliceStable(all, func(i, j int) bool { return all[i].Name < all[j].Name })
	changed := false
	for i, m := range g.members {
		var owner *Replica
		if n := len(all); n > 0 {
			owner = all[i*n/len(g.members)]
			if n > len(g.members) {
				owner = all[i]
			}
		}
		if owner != m.owner {
			changed = true
			m.owner = owner
		}
	}
	if !changed {
		return
	}
	g.Rebalances++
	f := g.Topic.flow
	f.happened(Incident{Kind: Rebalanced, Replica: g.members[0].owner, Group: g, Count: len(all)})
	for _, m := range g.members {
		m.pump()
	}
}

func alive(all []*Replica) []*Replica {
	kept := all[:0]
	for _, p := range all {
		if !p.dead {
			kept = append(kept, p)
		}
	}
	return kept
}

// poisoned is what a consumer says of a message that it cannot read.
func (f *Flow) poisoned(op *Operation) *Failure {
	key := failureKey{from: op, what: situations}
	if found := f.failures[key]; found != nil {
		return found
	}
	p := poison[op.Service.Model.Runtime]
	failure := &Failure{Reason: model.Internal, Status: statusOf(op.Model.Protocol, model.Internal), Type: p.class, Text: p.text}
	f.failures[key] = failure
	return failure
}

var poison = map[model.Runtime]phrase{
	model.Go:     {"*json.SyntaxError", "decode message: invalid character '\\x00' looking for beginning of value"},
	model.JVM:    {"org.apache.kafka.common.errors.RecordDeserializationException", "Error deserializing VALUE for partition. If needed, please seek past the record to continue consumption."},
	model.Node20: {"SyntaxError", "Unexpected token \\u0000 in JSON at position 0"},
	model.Python: {"json.decoder.JSONDecodeError", "Expecting value: line 1 column 1 (char 0)"},
	model.Native: {"decode", "malformed message"},
}
