package auth

import (
	"sync"
	"time"

	"firedrill/internal/challenge"
)

// Fresh is how long a good token is not looked up again, and so how long a revocation by another process may take.
const Fresh = 2 * time.Second

// cacheSize bounds the tokens in memory. A server has a few, and one for each player.
const cacheSize = 1024

// cache keeps tokens that were good a moment ago; others are not kept, so that guessing fills nothing.
type cache struct {
	mu   sync.Mutex // guards good
	good map[[32]byte]cached
}

type cached struct {
	token challenge.Token
	read  time.Time // before the look-up began
}

func (c *cache) get(hash [32]byte, now time.Time) (challenge.Token, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.good[hash]
	if !ok || !fresh(e, now) {
		return challenge.Token{}, false
	}
	return e.token, true
}

// put keeps a token whose look-up began at read.
func (c *cache) put(token challenge.Token, read time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.good == nil {
		c.good = map[[32]byte]cached{}
	}
	if len(c.good) >= cacheSize {
		for hash, e := range c.good {
			if !fresh(e, read) {
				delete(c.good, hash)
			}
		}
	}
	if len(c.good) < cacheSize {
		c.good[token.Hash] = cached{token, read}
	}
}

// drop forgets a token.
func (c *cache) drop(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for hash, e := range c.good {
		if e.token.ID == id {
			delete(c.good, hash)
		}
	}
}

// fresh bounds the age on both sides: a wall clock may be set back.
func fresh(e cached, now time.Time) bool {
	age := now.Sub(e.read)
	return age >= 0 && age < Fresh
}
