package store

import (
	"encoding/json"
	"fmt"
	"math"
	"time"
)

// firstTime and lastTime bound the times that fit.
var (
	firstTime = time.Unix(0, math.MinInt64)
	lastTime  = time.Unix(0, math.MaxInt64)
)

// nanos is a time as it is stored: nanoseconds since 1970, and 0 for the zero time.
func nanos(t time.Time) int64 {
	switch {
	case t.IsZero():
		return 0
	case t.Before(firstTime):
		return math.MinInt64
	case t.After(lastTime):
		return math.MaxInt64
	}
	return t.UnixNano()
}

// wall is the inverse of nanos.
func wall(nanos int64) time.Time {
	if nanos == 0 {
		return time.Time{}
	}
	return time.Unix(0, nanos).UTC()
}

// timeColumn reads a time.
type timeColumn struct{ *time.Time }

// Scan implements sql.Scanner.
func (c timeColumn) Scan(src any) error {
	n, ok := src.(int64)
	if !ok {
		return fmt.Errorf("a time is stored as %T", src)
	}
	*c.Time = wall(n)
	return nil
}

// jsonColumn reads a value that is stored as JSON text.
type jsonColumn struct{ v any }

// Scan implements sql.Scanner.
func (c jsonColumn) Scan(src any) error {
	text, ok := src.(string)
	if !ok {
		return fmt.Errorf("JSON is stored as %T", src)
	}
	return json.Unmarshal([]byte(text), c.v)
}

// jsonText is a value as JSON. It is only for types that cannot fail.
func jsonText(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// orNull is "" as NULL, for references.
func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}
