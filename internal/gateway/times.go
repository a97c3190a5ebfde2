package gateway

import (
	"math"
	"strconv"
	"time"
)

// parseTime reads a time as the back ends' APIs take it: RFC 3339, or a number since the epoch, whole numbers of more than ten
// digits in the given unit and all others in seconds. What cannot be read is the zero time.
func parseTime(s string, unit time.Duration) time.Time {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && len(s) > 10 {
		if n > math.MaxInt64/int64(unit) {
			return time.Time{}
		}
		return time.Unix(0, n*int64(unit))
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil && math.Abs(f) < 1e10 {
		whole, frac := math.Modf(f)
		return time.Unix(int64(whole), int64(math.Round(frac*1e3))*int64(time.Millisecond))
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}
	}
	return t
}

// timeRange is the range that a form asks for.
func (f formValues) timeRange(unit time.Duration) (from, to time.Time) {
	if at := f.Get("time"); at != "" {
		t := parseTime(at, unit)
		return t, t
	}
	return parseTime(f.Get("start"), unit), parseTime(f.Get("end"), unit)
}
