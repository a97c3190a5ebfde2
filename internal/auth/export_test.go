package auth

// CacheSize is the bound of the tokens in memory.
const CacheSize = cacheSize

// Cached is how many tokens are in memory.
func (t *Tokens) Cached() int {
	t.cache.mu.Lock()
	defer t.cache.mu.Unlock()
	return len(t.cache.good)
}
