package flow

import (
	"firedrill/scenarios/sim/des"
	"firedrill/scenarios/sim/model"
)

// topicState is what messages from outside need.
type topicState struct {
	flow       *Flow
	rand       *des.Rand
	skew       float64 // share of messages that go to the first partition; 0: as many as to the others
	rate       float64 // messages per second from outside
	generation uint64  // of the timer for those
}

// entry is a message in a partition.
type entry struct {
	published des.Time
	producer  Trace
	poison    bool
}

// choosePartition picks where a message goes.
func (t *Topic) choosePartition(r *des.Rand) int {
	n := len(t.Partitions)
	if t.skew > 0 {
		if n == 1 || r.Bool(t.skew) {
			return 0
		}
		return 1 + r.IntN(n-1)
	}
	return r.IntN(n)
}

// write appends a message and returns its offset.
func (t *Topic) write(partition int, e entry) int64 {
	p := &t.Partitions[partition]
	p.log = append(p.log, e)
	p.End++
	for _, g := range t.Groups {
		g.members[partition].pump()
	}
	return p.End - 1
}

// trim forgets what all groups have done with.
func (t *Topic) trim(partition int) {
	p := &t.Partitions[partition]
	done := p.End
	for _, g := range t.Groups {
		done = min(done, g.Offsets[partition].Committed)
	}
	drop := int(done - p.first)
	if drop < 1024 && drop < len(p.log) {
		return
	}
	p.log = append(p.log[:0], p.log[drop:]...)
	p.first = done
}

// produce begins or changes the stream of messages from outside.
func (t *Topic) produce(rate float64) {
	t.rate = rate
	t.generation++
	t.plan()
}

func (t *Topic) plan() {
	if t.rate > 0 {
		t.flow.Kernel.After(des.FromSeconds(t.rand.Exp()/t.rate), t, t.generation)
	}
}

// Handle is the arrival of a message from outside.
func (t *Topic) Handle(generation uint64) {
	if generation != t.generation {
		return
	}
	t.plan()
	if len(t.Broker.endpoints) == 0 {
		return
	}
	t.put(t.choosePartition(t.rand), nil, entry{})
}

// put writes a message that no operation has published.
func (t *Topic) put(partition int, by *Replica, e entry) {
	f := t.flow
	now := f.Kernel.Now()
	e.published = now
	offset := t.write(partition, e)
	f.publication = Publication{
		Replica: by, Topic: t, Broker: t.leader(partition), Partition: partition, Offset: offset,
		Trace: e.producer, Started: now, Ended: now,
	}
	f.observer.Published(&f.publication)
}

// leader is the broker's replica that has a partition.
func (t *Topic) leader(partition int) *Replica {
	all := t.Broker.endpoints
	if len(all) == 0 {
		return nil
	}
	return all[partition%len(all)]
}

// publish begins a publish step: a call of the broker.
func (s *strand) publish(st *step) {
	f, p := s.flow, s.req.replica
	c := f.newCall()
	s.step, s.role, s.waiting, s.call = st, rolePublish, forCall, c
	c.dep, c.target, c.strand, c.topic = p.producers[st.topic.Index], st.topic.Broker.writes, s, st.topic
	c.partition = st.topic.choosePartition(p.choose)
	c.span = s.span
	if p.traces {
		c.span = p.newSpan()
	}
	c.start(s.req.deadline)
}

// published is the broker's answer to a producer.
func (f *Flow) published(c *call, failure *Failure) {
	s := c.strand
	t := s.trace()
	if c.span != s.span {
		t.Parent, t.Span = t.Span, c.span
	}
	now := f.Kernel.Now()
	offset := int64(-1)
	if failure == nil {
		offset = c.topic.write(c.partition, entry{published: now, producer: t})
	}
	p := s.req.replica
	f.publication = Publication{
		Replica: p, Operation: s.req.op, Topic: c.topic, Broker: c.topic.leader(c.partition), Partition: c.partition,
		Offset: offset, Trace: t, Started: c.started, Ended: now, Failure: failure,
	}
	f.observer.Published(&f.publication)
	if failure != nil && p.Service.Model.Kind == model.App {
		f.logged(Entry{
			Kind: LogError, Replica: p, Operation: s.req.op, Trace: t, Failure: failure, Dependency: c.dep, Target: c.target,
		})
	}
}
