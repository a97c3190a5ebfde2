package web

import (
	"crypto/rand"
	"crypto/sha256"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"firedrill/internal/challenge"
)

// Bounds of logins.
const (
	loginLife   = 24 * time.Hour
	codeLife    = 10 * time.Minute
	maxLogins   = 10_000 // of everybody
	maxOwn      = 10     // of one person; the oldest goes
	maxCodes    = 1_000
	maxStreams  = 8  // of one login: tabs
	pace        = 20 // requests of one login a second
	paceBurst   = 100
	tokensFresh = 2 * time.Second
)

// login is one browser that is logged in.
type login struct {
	role    challenge.Role
	name    string
	token   string // ID of the token that was shown; "" after a one-time code
	since   time.Time
	expires time.Time
	pace    *rate.Limiter // of its requests

	mu      sync.Mutex // guards the rest
	flash   string     // what the next page says
	streams int
}

func (l *login) facilitator() bool { return l.role == challenge.FacilitatorRole }

// say leaves a sentence for the next page.
func (l *login) say(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flash = text
}

// said takes it.
func (l *login) said() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := l.flash
	l.flash = ""
	return text
}

// watch counts a stream, unless there are too many.
func (l *login) watch(change int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.streams+change > maxStreams {
		return false
	}
	l.streams += change
	return true
}

// logins are the browsers that are logged in, and the codes that can be used to. Both are kept by the SHA-256 of what the
// browser holds.
type logins struct {
	mu    sync.Mutex // guards the maps
	open  map[[32]byte]*login
	codes map[[32]byte]*login
}

func (ls *logins) init() {
	ls.open, ls.codes = map[[32]byte]*login{}, map[[32]byte]*login{}
}

func hashed(secret string) [32]byte { return sha256.Sum256([]byte(secret)) }

// add logs a browser in and returns what it must hold.
func (ls *logins) add(l *login) (secret string) {
	secret, l.pace = rand.Text(), rate.NewLimiter(pace, paceBurst)
	ls.mu.Lock()
	defer ls.mu.Unlock()
	prune(ls.open, l.since, maxLogins-1, func(*login) bool { return true })
	prune(ls.open, l.since, maxOwn-1, func(o *login) bool { return o.role == l.role && o.name == l.name })
	ls.open[hashed(secret)] = l
	return secret
}

// prune removes what has expired, and the oldest of those that count while there are more than most.
func prune(m map[[32]byte]*login, now time.Time, most int, counts func(*login) bool) {
	n := 0
	for hash, l := range m {
		switch {
		case !now.Before(l.expires):
			delete(m, hash)
		case counts(l):
			n++
		}
	}
	for ; n > most; n-- {
		var oldest *login
		var key [32]byte
		for hash, l := range m {
			if counts(l) && (oldest == nil || l.since.Before(oldest.since)) {
				oldest, key = l, hash
			}
		}
		delete(m, key)
	}
}

// get returns the login of what a browser holds.
func (ls *logins) get(secret string, now time.Time) *login {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l := ls.open[hashed(secret)]
	if l == nil || !now.Before(l.expires) {
		return nil
	}
	return l
}

func (ls *logins) remove(secret string) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	delete(ls.open, hashed(secret))
}

// addCode makes a one-time code.
func (ls *logins) addCode(l *login) (code string) {
	code = rand.Text()
	ls.mu.Lock()
	defer ls.mu.Unlock()
	prune(ls.codes, l.since, maxCodes-1, func(*login) bool { return true })
	ls.codes[hashed(code)] = l
	return code
}

// code returns whom a code is for, and takes it when it is used.
func (ls *logins) code(code string, now time.Time, use bool) *login {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l := ls.codes[hashed(code)]
	if l == nil || !now.Before(l.expires) {
		return nil
	}
	if use {
		delete(ls.codes, hashed(code))
	}
	return l
}
