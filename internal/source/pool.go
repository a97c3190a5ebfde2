package source

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"sync"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"firedrill/replay"
	"firedrill/replay/distort"
	"firedrill/replay/recording"
	"firedrill/scenarios"
)

// DefaultMemory is how much decoded evidence is kept in memory unless Options say otherwise, in bytes.
const DefaultMemory = 512 << 20

// Options say where evidence comes from.
type Options struct {
	Library *scenarios.Library
	Builder *scenarios.Builder // makes the recordings of scenarios with a system
	Memory  int64              // how many bytes of decoded evidence are kept, about; 0 is DefaultMemory
}

// Pool holds the sources that were opened, and keeps them: there are few scenarios, and decoded evidence is bounded for all of them
// together. It is safe for concurrent use.
type Pool struct {
	o     Options
	cache *lru

	mu     sync.Mutex
	open   map[id]*entry
	closed bool
}

type id struct{ scenario, difficulty string }

// entry is a source that is open, or about to be.
type entry struct {
	ready  chan struct{} // closed when source and err are set
	source *Source
	err    error
}

// New returns a Pool with nothing open.
func New(o Options) *Pool {
	if o.Memory == 0 {
		o.Memory = DefaultMemory
	}
	return &Pool{o: o, cache: newLRU(o.Memory), open: map[id]*entry{}}
}

// Open returns the evidence of a scenario at a difficulty, a preset of package distort, and makes its recording where that is needed,
// which takes up to a minute. All who ask for the same get the same *Source, which is good until Close.
func (p *Pool) Open(ctx context.Context, scenario, difficulty string) (*Source, error) {
	key := id{scenario, difficulty}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, errors.New("the recordings are closed")
	}
	e, ok := p.open[key]
	if !ok {
		e = &entry{ready: make(chan struct{})}
		p.open[key] = e
		// Whoever asked first may go away: the others wait for the same.
		go p.fill(context.WithoutCancel(ctx), key, e)
	}
	p.mu.Unlock()
	select {
	case <-e.ready:
		return e.source, e.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// fill opens a source; one that cannot be opened is tried again by the next who asks.
func (p *Pool) fill(ctx context.Context, key id, e *entry) {
	e.source, e.err = p.load(ctx, key.scenario, key.difficulty)
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.err != nil {
		delete(p.open, key)
	} else if p.closed {
		e.source.close()
	}
	close(e.ready)
}

// Close closes the recordings. What was read from them stays valid.
func (p *Pool) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, e := range p.open {
		select {
		case <-e.ready:
			e.source.close()
		default: // fill closes it
		}
	}
}

func (p *Pool) load(ctx context.Context, scenario, difficulty string) (_ *Source, err error) {
	defer func() { // one scenario's fault is not that of the sessions of others
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	s, err := p.o.Library.Load(scenario)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(s.Dir(), s.Recording)
	if s.System != "" {
		if dir, err = p.o.Builder.Recording(ctx, s, nil); err != nil {
			return nil, fmt.Errorf("make the recording of %s: %w", s.ID, err)
		}
	}
	rec, err := recording.Open(dir)
	if err != nil {
		return nil, err
	}
	src, err := newSource(rec, s, difficulty, p.cache)
	if err != nil {
		return nil, errors.Join(err, rec.Close())
	}
	return src, nil
}

// evidence is a recording, distorted or not.
type evidence interface {
	replay.Source
	HasTrace(id pcommon.TraceID) bool
}

// newSource applies a difficulty to a recording. An empty difficulty is what the scenario declares.
func newSource(rec *recording.Recording, s *scenarios.Scenario, difficulty string, cache *lru) (*Source, error) {
	if difficulty == "" {
		difficulty = distort.Normal
	}
	spec, err := distort.Preset(difficulty, s.Distortions)
	if err != nil {
		return nil, err
	}
	var from evidence = rec
	if len(spec) > 0 {
		if from, err = distort.New(rec, spec, s.Seed, rec.HasTrace); err != nil {
			return nil, err
		}
	}
	print, err := fingerprint(rec.Manifest(), s.Seed, spec)
	if err != nil {
		return nil, err
	}
	src := &Source{Scenario: s, Manifest: rec.Manifest(), Fingerprint: print, rec: rec, from: from}
	src.share(cache)
	return src, nil
}

// fingerprint identifies evidence: the recording, by what its manifest says, checksums included, and how it is distorted.
func fingerprint(m recording.Manifest, seed uint64, spec []distort.Distortion) (string, error) {
	text, err := json.Marshal(struct {
		Manifest    recording.Manifest
		Seed        uint64
		Distortions []distort.Distortion
	}{m, seed, spec})
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16]), err
}
