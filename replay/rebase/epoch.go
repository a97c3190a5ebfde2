package rebase

// epoch moves the number b[i:j], which counts units of unit nanoseconds since the epoch, when it stands
// alone and is within epochGuard of the recorded time. A fraction may follow.
func (e *editor) epoch(i, j int, unit int64) int {
	switch e.before(i) {
	case 0, ' ', '\t', '\n', '\r', '"', '\'', '`', '=', ':', ',', ';', '(', '[', '{', '<', '>', '|', '@':
	default:
		return 0
	}
	v := int64(0)
	for _, c := range e.b[i:j] {
		if v = v*10 + int64(c-'0'); v < 0 {
			return 0 // 19 digits above 2^63
		}
	}
	guard := int64(epochGuard) / unit
	if d := v - e.recorded/unit; d > guard || d < -guard {
		return 0
	}
	// A fraction counts as far as it shows nanoseconds.
	end, places, frac := j, 0, int64(0)
	if e.at(j) == '.' && class[e.at(j+1)] == digit {
		for end = j + 1; end < len(e.b) && class[e.b[end]] == digit; end++ {
			if pow10[min(places+1, 9)] <= unit && places < 9 {
				frac = frac*10 + int64(e.b[end]-'0')
				places++
			}
		}
	}
	if !e.epochEnds(end) {
		return end
	}
	step := unit / pow10[places] // nanoseconds of the last place
	ns := v*unit + frac*step + int64(e.shift)
	moved := floorDiv(ns, unit)
	if moved < pow10[9]/10 || digits(moved) != j-i {
		return end
	}
	e.own()
	e.putDigits(i, j, moved)
	if places > 0 {
		e.putDigits(j+1, j+1+places, (ns-moved*unit)/step)
	}
	return end
}

// epochEnds reports whether a number may end at i: not inside a longer word, version or file name.
func (e *editor) epochEnds(i int) bool {
	switch e.at(i) {
	case 0, ' ', '\t', '\n', '\r', '"', '\'', '`', ',', ';', ':', ')', ']', '}', '>', '<', '|', '&', '\\', esc:
		return true
	case '.':
		return e.ends(i + 1)
	}
	return false
}

// digits returns how many decimal digits v has.
func digits(v int64) (n int) {
	for ; v > 0; v /= 10 {
		n++
	}
	return n
}

func (e *editor) putDigits(i, j int, v int64) {
	for j--; j >= i; j-- {
		e.b[j] = byte('0' + v%10)
		v /= 10
	}
}
