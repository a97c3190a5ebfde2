package recording

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"firedrill/replay"
)

// Slice writes the items of src that are due in [from, to) as a new recording dst, which must not
// exist. Exemplars come along with the samples that carry them. A range without any items is an error.
func Slice(ctx context.Context, src *Recording, from, to time.Time, dst string) (err error) {
	if !from.Before(to) {
		return fmt.Errorf("slice from %s to %s: the range is empty", from.Format(time.RFC3339Nano), to.Format(time.RFC3339Nano))
	}
	w, err := Create(dst, Options{CreatedBy: src.manifest.CreatedBy, Source: src.manifest.Source})
	if err != nil {
		return err
	}
	defer w.Abort() // nothing after Close
	for name, f := range src.families {
		if err := w.Family(name, *f); err != nil {
			return err
		}
	}
	n := 0
	samples, err := src.Samples(from, to)
	if err := each(ctx, samples, err, &n, w.copySample); err != nil {
		return err
	}
	records, err := src.Records(from, to)
	if err := each(ctx, records, err, &n, w.copyRecord); err != nil {
		return err
	}
	spans, err := src.Spans(from, to)
	if err := each(ctx, spans, err, &n, w.copySpan); err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("slice from %s to %s: the recording has nothing there", from.Format(time.RFC3339Nano), to.Format(time.RFC3339Nano))
	}
	_, err = w.Close()
	return err
}

// each calls f with every item that r yields, counts them in n, and closes r. It takes the error of
// opening r along.
func each[T replay.Item](ctx context.Context, r replay.Reader[T], err error, n *int, f func(*T) error) error {
	if err != nil {
		return err
	}
	p := make([]T, 1024)
	for {
		if err := ctx.Err(); err != nil {
			return errors.Join(err, r.Close())
		}
		m, err := r.Read(p)
		if err == io.EOF {
			return r.Close()
		}
		if err != nil {
			return errors.Join(err, r.Close())
		}
		for i := range p[:m] {
			if err := f(&p[i]); err != nil {
				return errors.Join(err, r.Close())
			}
		}
		*n += m
	}
}

func (w *Writer) copySample(s *replay.Sample) error {
	l := s.Series.Labels
	for _, e := range s.Exemplars {
		if err := w.Exemplar(l, e); err != nil {
			return err
		}
	}
	return w.sample(l, s.T, point{s.V, s.H, s.FH})
}

func (w *Writer) copyRecord(r *replay.Record) error {
	return w.Record(r.Stream.Labels, r.T, string(r.Line), r.Metadata)
}

func (w *Writer) copySpan(s *replay.Span) error {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	s.Resource.Attributes.CopyTo(rs.Resource().Attributes())
	rs.SetSchemaUrl(s.Resource.SchemaURL)
	ss := rs.ScopeSpans().AppendEmpty()
	s.Resource.Scope.CopyTo(ss.Scope())
	ss.SetSchemaUrl(s.Resource.ScopeURL)
	s.Span.MoveTo(ss.Spans().AppendEmpty())
	return w.Spans(td)
}
