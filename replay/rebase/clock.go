package rebase

import "time"

// Guards: how far from the line's recorded time a written time may be and still be taken for one.
const (
	// fullGuard is for dates with a year. It takes in the expiry of a yearly certificate and leaves
	// birth dates, licences and build dates of old releases alone.
	fullGuard = 400 * 24 * time.Hour
	// yearlessGuard is for dates without a year, which are the line's own time in some zone.
	yearlessGuard = 2 * 24 * time.Hour
	// epochGuard is for plain numbers.
	epochGuard = 24 * time.Hour
	// clockGuard is for a time of day without a date, after taking off a zone of quarter hours.
	clockGuard = 2 * time.Second
)

// near reports whether a wall text is within guard of the recorded time. The zone is not looked at:
// it is at most 14 h, little beside the guards of dates.
func (e *editor) near(t instant, guard time.Duration) bool {
	d := t.sec - floorDiv(e.recorded, 1e9)
	return -d <= int64(guard/time.Second) && d <= int64(guard/time.Second)
}

// two reads two digits, -1 when they are none.
func (e *editor) two(i int) int {
	if uint(i) >= uint(len(e.b)) || uint(i+1) >= uint(len(e.b)) {
		return -1
	}
	hi, lo := e.b[i]-'0', e.b[i+1]-'0'
	if hi > 9 || lo > 9 {
		return -1
	}
	return int(hi)*10 + int(lo)
}

// four reads four digits, -1 when they are none.
func (e *editor) four(i int) int {
	hi, lo := e.two(i), e.two(i+2)
	if hi < 0 || lo < 0 {
		return -1
	}
	return hi*100 + lo
}

func (e *editor) putTwo(i, v int) {
	e.b[i], e.b[i+1] = byte('0'+v/10), byte('0'+v%10)
}

func (e *editor) putFour(i, v int) {
	e.putTwo(i, v/100)
	e.putTwo(i+2, v%100)
}

// clock is a time of day found in the text.
type clock struct {
	start   int // of hh
	sec     int // of the day
	nsec    int64
	seconds bool // false for hh:mm
	frac    int  // index of the first digit of the fraction, 0 without one
	end     int  // after the last digit
}

var pow10 = [...]int64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9}

// clockAt reads hh:mm:ss with an optional fraction at i, and hh:mm where short is set. The text after it
// must not continue the token; Z may follow.
func (e *editor) clockAt(i int, short bool) (c clock, ok bool) {
	h, m := e.two(i), e.two(i+3)
	if uint(h) > 23 || uint(m) > 59 || e.b[i+2] != ':' {
		return c, false
	}
	c = clock{start: i, sec: h*3600 + m*60, end: i + 5}
	if e.at(i+5) == ':' {
		s := e.two(i + 6)
		if uint(s) > 59 {
			return c, false
		}
		c.sec, c.seconds, c.end = c.sec+s, true, i+8
	} else if !short {
		return c, false
	}
	if !e.fraction(&c) {
		return c, false
	}
	z := c.end
	if e.at(z)|0x20 == 'z' {
		z++
	}
	if !e.ends(z) || (e.at(z) == ':' && class[e.at(z+1)] == digit) || e.twelveHour(z) {
		return c, false
	}
	return c, true
}

// fraction reads .908318 or ,908 at c.end. It returns false when the digits make no fraction of a second.
func (e *editor) fraction(c *clock) bool {
	sep := e.at(c.end)
	if !c.seconds || (sep != '.' && sep != ',') || class[e.at(c.end+1)] != digit {
		return true
	}
	j, v := c.end+1, int64(0)
	for ; j < len(e.b) && class[e.b[j]] == digit; j++ {
		if j <= c.end+9 {
			v = v*10 + int64(e.b[j]-'0')
		}
	}
	n := j - c.end - 1
	if sep == ',' && n != 3 && n != 6 && n != 9 {
		return true // the next field of a list
	}
	if n > 9 {
		return false
	}
	c.nsec, c.frac, c.end = v*pow10[9-n], c.end+1, j
	return true
}

// twelveHour reports whether AM or PM follows, which no pattern reads.
func (e *editor) twelveHour(i int) bool {
	if e.at(i) != ' ' || e.at(i+2)|0x20 != 'm' {
		return false
	}
	c := e.at(i+1) | 0x20
	return (c == 'a' || c == 'p') && e.ends(i+3)
}

// putClock writes the time of day of t over c.
func (e *editor) putClock(c clock, t instant) {
	sec := int(t.sec - t.days()*daySeconds)
	e.putTwo(c.start, sec/3600)
	e.putTwo(c.start+3, sec/60%60)
	if c.seconds {
		e.putTwo(c.start+6, sec%60)
	}
	e.putFraction(c, t)
}

// putFraction writes the fraction of a second of t over c's.
func (e *editor) putFraction(c clock, t instant) {
	if c.frac == 0 || t.nsec == c.nsec {
		return
	}
	v := t.nsec / pow10[9-(c.end-c.frac)]
	for i := c.end - 1; i >= c.frac; i-- {
		e.b[i] = byte('0' + v%10)
		v /= 10
	}
}

// clockOnly moves a time of day without a date at the line's start or after a bracket or quote, when it
// is the line's own time in some zone. Anything else that looks like it is taken for a duration.
func (e *editor) clockOnly(i int) int {
	switch e.before(i) {
	case 0, '[', '(', '{', '<', '"', '\'', '`':
	default:
		return 0
	}
	c, ok := e.clockAt(i, false)
	if !ok {
		return 0
	}
	const quarter = int64(15 * time.Minute)
	d := (int64(c.sec)*1e9 + c.nsec - e.recorded) % quarter // recorded counts from a midnight
	if d < 0 {
		d += quarter
	}
	if d > int64(clockGuard) && d < quarter-int64(clockGuard) {
		return c.end
	}
	e.own()
	e.putClock(c, instant{int64(c.sec), c.nsec}.add(int64(e.shift)))
	return c.end
}
