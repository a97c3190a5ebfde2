package rebase

// full moves a date with a year and returns the new date, or false when a guard refuses it.
func (e *editor) full(year, month, day int, c clock) (was, now instant, ok bool) {
	if !validDate(year, month, day) {
		return was, now, false
	}
	was = instant{daysOf(year, month, day)*daySeconds + int64(c.sec), c.nsec}
	if !e.near(was, fullGuard) {
		return was, now, false
	}
	now = was.add(int64(e.shift))
	if d := now.days(); d < daysOf(0, 1, 1) || d > daysOf(9999, 12, 31) {
		return was, now, false
	}
	return was, now, true
}

// yearless finds the year in which the date is near the recorded time, and moves it.
func (e *editor) yearless(month, day int, c clock) (was, now instant, ok bool) {
	year, _, _ := dateOf(floorDiv(e.recorded, 1e9*daySeconds))
	for y := year - 1; y <= year+1; y++ {
		if !validDate(y, month, day) {
			continue
		}
		was = instant{daysOf(y, month, day)*daySeconds + int64(c.sec), c.nsec}
		if e.near(was, yearlessGuard) {
			return was, was.add(int64(e.shift)), true
		}
	}
	return was, now, false
}

// yearFirst: 2022-08-22T05:18:42.908318Z and 2022/08/22 05:18:42 with their variants.
// Seconds may be missing after a date with hyphens.
func (e *editor) yearFirst(i int, sep byte) int {
	if e.at(i+7) != sep {
		return 0
	}
	switch e.at(i + 10) {
	case 'T', 't', ' ', '-', '_':
	default:
		return 0
	}
	c, ok := e.clockAt(i+11, sep == '-')
	if !ok {
		return 0
	}
	was, now, ok := e.full(e.four(i), e.two(i+5), e.two(i+8), c)
	if !ok {
		return c.end
	}
	e.own()
	if was.days() != now.days() {
		year, month, day := dateOf(now.days())
		e.putFour(i, year)
		e.putTwo(i+5, month)
		e.putTwo(i+8, day)
	}
	e.putClock(c, now)
	return c.end
}

// compact: 20220822T051842Z, the basic form of ISO 8601, with or without fraction and Z.
func (e *editor) compact(i int) int {
	h, m, sec := e.two(i+9), e.two(i+11), e.two(i+13)
	if e.b[i+8] != 'T' || uint(h) > 23 || uint(m) > 59 || uint(sec) > 59 {
		return 0
	}
	c := clock{start: i + 9, sec: h*3600 + m*60 + sec, seconds: true, end: i + 15}
	if e.at(c.end)|0x20 != 'z' && (!e.ends(c.end) || !e.fraction(&c)) {
		return 0
	}
	_, now, ok := e.full(e.four(i), e.two(i+4), e.two(i+6), c)
	if !ok {
		return c.end
	}
	e.own()
	year, month, day := dateOf(now.days())
	e.putFour(i, year)
	e.putTwo(i+4, month)
	e.putTwo(i+6, day)
	sec = int(now.sec - now.days()*daySeconds)
	e.putTwo(i+9, sec/3600)
	e.putTwo(i+11, sec/60%60)
	e.putTwo(i+13, sec%60)
	e.putFraction(c, now)
	return c.end
}

// klog: I0822 05:18:42.908318 of glog and klog, and I20220822 of newer glog.
func (e *editor) klog(i, j int) int {
	switch e.b[i] {
	case 'I', 'W', 'E', 'F':
	default:
		return 0
	}
	if e.at(j) != ' ' {
		return 0
	}
	c, ok := e.clockAt(j+1, false)
	if !ok || c.frac == 0 {
		return 0
	}
	var now instant
	if j-i == 9 {
		_, now, ok = e.full(e.four(i+1), e.two(i+5), e.two(i+7), c)
	} else {
		_, now, ok = e.yearless(e.two(i+1), e.two(i+3), c)
	}
	if !ok {
		return c.end
	}
	e.own()
	year, month, day := dateOf(now.days())
	if j-i == 9 {
		e.putFour(i+1, year)
	}
	e.putTwo(j-4, month)
	e.putTwo(j-2, day)
	e.putClock(c, now)
	return c.end
}

// dayFirst: 22/Aug/2022:05:18:42 (Common Log Format), 22 Aug 2022 05:18:42 (RFC 1123, RFC 5322, Redis),
// 22-Aug-2022 05:18:42 (Tomcat, BIND) and 22-Aug-22 05:18:42 (RFC 850), each with an optional weekday
// before it.
func (e *editor) dayFirst(i, j int) int {
	sep := e.at(j)
	if (sep != '/' && sep != '-' && sep != ' ') || e.at(j+4) != sep {
		return 0
	}
	month := monthNamed(e.b[j+1 : j+4])
	yearAt, width := j+5, 4
	year := e.four(yearAt)
	if year < 0 && sep == '-' {
		if year, width = e.two(yearAt), 2; year >= 0 {
			year += 2000
		}
	}
	clockAt := yearAt + width + 1
	if s := e.at(clockAt - 1); month == 0 || year < 0 || (s != ':' && s != ' ') {
		return 0
	}
	c, ok := e.clockAt(clockAt, false)
	if !ok {
		return 0
	}
	was, now, ok := e.full(year, month, e.day(i, j), c)
	if !ok {
		return c.end
	}
	year, month, day := dateOf(now.days())
	e.own()
	e.putClock(c, now)
	if width == 4 {
		e.putFour(yearAt, year)
	} else {
		e.putTwo(yearAt, year%100)
	}
	copy(e.b[j+1:], monthName(month))
	end := c.end + e.putDay(i, j, day, '0')
	return end + e.putWeekday(i, was, now)
}

// monthFirst: Aug 22 05:18:42 (RFC 3164 syslog), with a year after the time (ANSI C, date(1), Ruby,
// Apache's error log) or before it (Cisco, JavaScript), each with an optional weekday before it.
func (e *editor) monthFirst(i int) int {
	if e.at(i+3) != ' ' || class[e.at(i+5)] != digit && class[e.at(i+4)] != digit {
		return 0
	}
	month := monthNamed(e.b[i : i+3])
	if month == 0 {
		return 0
	}
	// The day is two bytes wide, padded with 0 or a space, or one byte.
	from, to := i+4, i+6
	if class[e.at(i+5)] != digit {
		to = i + 5
	}
	day := e.day(from, to)
	at, yearAt := to+1, 0
	if e.at(to) == ',' {
		at++
	}
	if day < 1 || e.at(at-1) != ' ' {
		return 0
	}
	if e.four(at) >= 0 && e.at(at+4) == ' ' {
		yearAt = at
		at += 5
	}
	c, ok := e.clockAt(at, false)
	if !ok {
		return 0
	}
	if yearAt == 0 {
		yearAt = e.yearAfter(c.end)
	}
	var was, now instant
	if yearAt > 0 {
		if was, now, ok = e.full(e.four(yearAt), month, day, c); !ok && yearAt < at {
			return c.end
		}
	}
	if yearAt == 0 || !ok {
		yearAt = 0 // four digits after the time may be a process id
		if was, now, ok = e.yearless(month, day, c); !ok {
			return c.end
		}
	}
	year, month, day := dateOf(now.days())
	e.own()
	end := c.end
	if yearAt > 0 {
		e.putFour(yearAt, year)
		end = max(end, yearAt+4)
	}
	e.putClock(c, now)
	// RFC 3164, ANSI C and date(1) pad with a space; JavaScript, Cisco's year form and Ruby with 0.
	pad := byte(' ')
	zone := e.at(c.end + 1)
	if e.b[from] == '0' || (yearAt > 0 && e.b[from] != ' ' && (yearAt < at || zone == '+' || zone == '-')) {
		pad = '0'
	}
	end += e.putDay(from, to, day, pad)
	copy(e.b[i:], monthName(month))
	return end + e.putWeekday(i, was, now)
}

// yearAfter returns the index of a year that ends a date: " 2022", " UTC 2022" or " +0000 2022" at i,
// and 0 when there is none.
func (e *editor) yearAfter(i int) int {
	if e.at(i) != ' ' {
		return 0
	}
	if e.four(i+1) >= 0 && e.ends(i+5) {
		return i + 1
	}
	j := i + 1
	if c := e.at(j); c == '+' || c == '-' {
		j++
	}
	for j < i+6 && !e.ends(j) {
		j++
	}
	if e.at(j) == ' ' && e.four(j+1) >= 0 && e.ends(j+5) {
		return j + 1
	}
	return 0
}

// day reads a day of one or two bytes, -1 when it is none. A space pads like a zero.
func (e *editor) day(i, j int) int {
	lo := int(e.at(j-1)) - '0'
	hi := 0
	if j-i == 2 && e.at(i) != ' ' {
		hi = int(e.at(i)) - '0'
	}
	if lo < 0 || lo > 9 || hi < 0 || hi > 3 {
		return -1
	}
	return hi*10 + lo
}

// putDay writes the day over b[i:j] and returns by how much the text grew.
func (e *editor) putDay(i, j, day int, pad byte) int {
	switch {
	case j-i == 2 && day < 10:
		e.b[i], e.b[i+1] = pad, byte('0'+day)
	case j-i == 2:
		e.putTwo(i, day)
	case day < 10:
		e.b[i] = byte('0' + day)
	default:
		e.splice(i, j, string([]byte{byte('0' + day/10), byte('0' + day%10)}))
		return 1
	}
	return 0
}

// putWeekday turns the weekday before a date at i, if there is one, by as many days as the date moved,
// and returns by how much the text grew. The recorded weekday is not checked.
func (e *editor) putWeekday(i int, was, now instant) int {
	if i < 4 || e.b[i-1] != ' ' {
		return 0
	}
	to := i - 1
	if e.b[to-1] == ',' {
		to--
	}
	from := to
	for from > 0 && class[e.b[from-1]]&(letter|hexa) != 0 {
		from--
	}
	d, ok := weekdayNamed(e.b[from:to])
	if !ok {
		// The letter of an escape such as \n belongs to no name.
		if from = max(from, e.bound); from > to {
			return 0
		}
		if d, ok = weekdayNamed(e.b[from:to]); !ok {
			return 0
		}
	}
	turned := (int64(d) + now.days() - was.days()) % 7
	if turned < 0 {
		turned += 7
	}
	name := weekdays[turned]
	if to-from == 3 {
		name = name[:3]
	}
	e.splice(from, to, name)
	return len(name) - (to - from)
}
