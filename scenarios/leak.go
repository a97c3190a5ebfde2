package scenarios

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"firedrill/replay"
	"firedrill/replay/recording"
)

// Leak is a place outside the answer key that gives the answer away.
type Leak struct {
	Place  string `json:"place"`
	Phrase int    `json:"phrase"` // index in Answer.Phrases: a report need not repeat it
}

func (l Leak) String() string {
	return fmt.Sprintf("%s has phrases[%d] of %s", l.Place, l.Phrase, AnswerFile)
}

// Leaks looks for the phrases of an answer in the scenario's other files, in shown (a name and its
// text: what players and facilitators are shown) and in the recording: label values and names, families,
// lines, metadata, names, attributes and events of spans. White space and case do not matter. Each
// phrase is reported once a kind of place.
func Leaks(a *Answer, s *Scenario, shown map[string]string, rec *recording.Recording) ([]Leak, error) {
	l := newLeakFinder(a)
	for _, name := range slices.Sorted(maps.Keys(shown)) {
		l.look(name, shown[name])
	}
	err := fs.WalkDir(s.folder, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == AnswerFile {
			return err
		}
		if d.IsDir() {
			if path == s.Recording {
				return fs.SkipDir // read as a recording
			}
			return nil
		}
		l.look("the name of a file", d.Name())
		text, err := fs.ReadFile(s.folder, path)
		l.look(s.Path(path), string(text))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for phrases: %w", err)
	}
	if err := l.recording(rec); err != nil {
		return nil, fmt.Errorf("look for phrases: %w", err)
	}
	return l.found, nil
}

// LeaksIn looks for the phrases of an answer in all files of a folder, such as the dashboards.
func LeaksIn(a *Answer, dir string) ([]Leak, error) {
	l := newLeakFinder(a)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		l.look(path, string(text))
		return err
	})
	return l.found, err
}

// leakFinder looks for phrases.
type leakFinder struct {
	phrases []string // folded
	seen    map[Leak]bool
	clean   map[string]bool // texts that were looked at and repeat, such as attribute values
	found   []Leak
}

// maxClean bounds the memory for texts that were looked at.
const maxClean = 100_000

func newLeakFinder(a *Answer) *leakFinder {
	l := &leakFinder{seen: map[Leak]bool{}, clean: map[string]bool{}}
	for _, p := range a.Phrases {
		l.phrases = append(l.phrases, fold(p))
	}
	return l
}

func (l *leakFinder) look(place, text string) {
	if text == "" || l.clean[text] {
		return
	}
	clean, folded := true, fold(text)
	for i, p := range l.phrases {
		if !strings.Contains(folded, p) {
			continue
		}
		clean = false
		if leak := (Leak{place, i}); !l.seen[leak] {
			l.seen[leak] = true
			l.found = append(l.found, leak)
		}
	}
	if clean && len(text) < 200 && len(l.clean) < maxClean {
		l.clean[text] = true
	}
}

func (l *leakFinder) labels(place string, ls labels.Labels) {
	ls.Range(func(v labels.Label) { l.look(place, v.Name+" "+v.Value) })
}

func (l *leakFinder) recording(rec *recording.Recording) error {
	start, end := rec.Bounds()
	samples, err := rec.Samples(start, end)
	if err != nil {
		return err
	}
	seen := map[uint32]bool{}
	err = each(samples, func(s *replay.Sample) {
		if !seen[s.Series.ID] {
			seen[s.Series.ID] = true
			l.labels("the recording's metrics", s.Series.Labels)
			if f := s.Series.Family; f != nil {
				l.look("the recording's metrics", f.Help)
			}
		}
		for _, e := range s.Exemplars {
			l.labels("the recording's exemplars", e.Labels)
		}
	})
	if err != nil {
		return err
	}
	records, err := rec.Records(start, end)
	if err != nil {
		return err
	}
	err = each(records, func(r *replay.Record) {
		l.labels("the recording's log streams", r.Stream.Labels)
		l.look("the recording's log lines", string(r.Line))
		for _, p := range r.Metadata {
			l.look("the recording's log metadata", p.Name+" "+p.Value)
		}
	})
	if err != nil {
		return err
	}
	spans, err := rec.Spans(start, end)
	if err != nil {
		return err
	}
	return each(spans, func(s *replay.Span) {
		const place = "the recording's spans"
		attributes := func(m pcommon.Map) {
			for k, v := range m.All() {
				l.look(place, k+" "+v.AsString())
			}
		}
		attributes(s.Resource.Attributes)
		l.look(place, s.Resource.Scope.Name())
		l.look(place, s.Span.Name())
		l.look(place, s.Span.Status().Message())
		attributes(s.Span.Attributes())
		for _, e := range s.Span.Events().All() {
			l.look(place, e.Name())
			attributes(e.Attributes())
		}
	})
}

// each calls f for every item of a reader, and closes it.
func each[T replay.Item](r replay.Reader[T], f func(*T)) (err error) {
	defer func() { err = errors.Join(err, r.Close()) }()
	batch := make([]T, 1024)
	for {
		n, err := r.Read(batch)
		for i := range batch[:n] {
			f(&batch[i])
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
