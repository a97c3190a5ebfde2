package rebase

// Value rebases a metric value that is a time since the epoch; TimeValued says of which metrics it is one.
// wall maps recorded nanoseconds to wall ones. The unit is told by magnitude: 1e9 up to 9.22e9 are seconds
// (2001 to 2262), a thousand times as much milliseconds, then microseconds and nanoseconds. Everything else
// is returned bit for bit: 0 and small numbers, which stand for "never", negative ones, infinities, NaN and with it
// the stale marker, and times after 2262-04-11, where 64-bit nanoseconds end.
//
// Times ahead move like others. When the shift is a whole number of units, it is added as one number: the
// fraction of a second that v carries is not rounded again by a detour through nanoseconds.
func Value(v float64, wall func(recorded int64) int64) float64 {
	unit := epochUnit(v)
	if unit == 0 {
		return v
	}
	recorded := int64(v * float64(unit))
	return addShift(v, wall(recorded)-recorded, unit)
}

// epochUnit returns how many nanoseconds one of v is, and 0 when v is no time since the epoch.
func epochUnit(v float64) int64 {
	const lastYear = 9.223e9 // seconds; 2^63 ns are 9.2233...e9 s
	switch {
	case v >= 1e9 && v < lastYear:
		return 1e9
	case v >= 1e12 && v < lastYear*1e3:
		return 1e6
	case v >= 1e15 && v < lastYear*1e6:
		return 1e3
	case v >= 1e18 && v < lastYear*1e9:
		return 1
	}
	return 0
}

// addShift adds ns nanoseconds to v, which counts units.
func addShift(v float64, ns, unit int64) float64 {
	if ns%unit == 0 {
		return v + float64(ns/unit)
	}
	return v + float64(ns)/float64(unit)
}
