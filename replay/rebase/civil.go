package rebase

// instant is a wall text as a number: seconds since 1970-01-01 00:00:00 in the text's own zone, and nanoseconds.
type instant struct {
	sec  int64
	nsec int64 // 0 to 1e9-1
}

const daySeconds = 86400

// add returns the instant ns nanoseconds later.
func (t instant) add(ns int64) instant {
	t.sec += ns / 1e9
	t.nsec += ns % 1e9
	switch {
	case t.nsec < 0:
		t.sec, t.nsec = t.sec-1, t.nsec+1e9
	case t.nsec >= 1e9:
		t.sec, t.nsec = t.sec+1, t.nsec-1e9
	}
	return t
}

// days returns the day number of t, counted from 1970-01-01.
func (t instant) days() int64 { return floorDiv(t.sec, daySeconds) }

// floorDiv rounds towards minus infinity.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// daysOf and dateOf convert between a date of the proleptic Gregorian calendar and its day number.
// They are days_from_civil and civil_from_days of Howard Hinnant, "chrono-Compatible Low-Level Date
// Algorithms": years start in March, so that leap days come last, and 400 years form an era.
func daysOf(year, month, day int) int64 {
	y, m := int64(year), int64(month)
	if m <= 2 {
		y--
		m += 12
	}
	era := floorDiv(y, 400)
	yoe := y - era*400
	doy := (153*(m-3)+2)/5 + int64(day) - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return era*146097 + doe - 719468
}

func dateOf(days int64) (year, month, day int) {
	z := days + 719468
	era := floorDiv(z, 146097)
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	day = int(doy - (153*mp+2)/5 + 1)
	month = int(mp + 3)
	year = int(yoe + era*400)
	if month > 12 {
		month -= 12
		year++
	}
	return year, month, day
}

// validDate reports whether the date exists.
func validDate(year, month, day int) bool {
	if month < 1 || month > 12 || day < 1 {
		return false
	}
	switch month {
	case 4, 6, 9, 11:
		return day <= 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return day <= 29
		}
		return day <= 28
	}
	return day <= 31
}

const monthNames = "JanFebMarAprMayJunJulAugSepOctNovDec"

// monthNamed returns 1 to 12 for Jan to Dec, and 0 for anything else.
func monthNamed(s []byte) int {
	if len(s) != 3 {
		return 0
	}
	for m := 0; m < len(monthNames); m += 3 {
		if string(s) == monthNames[m:m+3] {
			return m/3 + 1
		}
	}
	return 0
}

func monthName(month int) string { return monthNames[3*month-3 : 3*month] }

var weekdays = [7]string{"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"}

// weekdayNamed returns the index in weekdays of a full or three-letter name, and whether there is one.
func weekdayNamed(s []byte) (int, bool) {
	for d, name := range weekdays {
		if string(s) == name || string(s) == name[:3] {
			return d, true
		}
	}
	return 0, false
}
