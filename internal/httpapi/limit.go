package httpapi

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// limits are how much is let through. Rates are per second, bursts at once.
type limits struct {
	remoteRate, remoteBurst int // of an address, with and without a token; a proxy or plugin brings many players from one
	actorRate, actorBurst   int // of a player or facilitator
	body                    int64
	bodyTime                time.Duration // to send the body
	time                    time.Duration // of a request that is no stream
	actorStreams, streams   int           // open at once, of one actor and in all
	keepAlive               time.Duration // between comments on a stream
	writeTime               time.Duration // to take what is sent on a stream
}

var defaultLimits = limits{
	remoteRate: 1000, remoteBurst: 2000,
	actorRate: 20, actorBurst: 100,
	body: 64 << 10, bodyTime: 5 * time.Second, time: 15 * time.Second,
	actorStreams: 8, streams: 1024, keepAlive: 15 * time.Second, writeTime: 10 * time.Second,
}

// maxBuckets bounds a table.
const maxBuckets = 8192

// buckets limits the rate of each key. When there are too many keys the new ones share one bucket, so that nobody can push
// others out by inventing keys. It is safe for concurrent use.
type buckets struct {
	rate  rate.Limit
	burst int

	mu     sync.Mutex // guards what follows
	byKey  map[string]*rate.Limiter
	shared *rate.Limiter
	swept  time.Time
}

func newBuckets(perSecond, burst int) *buckets {
	return &buckets{
		rate: rate.Limit(perSecond), burst: burst,
		byKey: map[string]*rate.Limiter{}, shared: rate.NewLimiter(rate.Limit(perSecond), burst),
	}
}

func (b *buckets) allow(key string, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	l, ok := b.byKey[key]
	if !ok {
		b.sweep(now)
		if l = b.shared; len(b.byKey) < maxBuckets {
			l = rate.NewLimiter(b.rate, b.burst)
			b.byKey[key] = l
		}
	}
	return l.AllowN(now, 1)
}

// sweep removes the buckets that are full again, and so tell nothing, when there is no room; at most once a second.
func (b *buckets) sweep(now time.Time) {
	if len(b.byKey) < maxBuckets || now.Sub(b.swept) < time.Second {
		return
	}
	b.swept = now
	for key, l := range b.byKey {
		if l.TokensAt(now) >= float64(b.burst) {
			delete(b.byKey, key)
		}
	}
}

// remoteKey is whose bucket an address is charged to: an IPv6 network of 64 bits is one customer's.
func remoteKey(host string) string {
	ip, err := netip.ParseAddr(host)
	if err != nil || ip.Unmap().Is4() {
		return host
	}
	network, err := ip.WithZone("").Prefix(64)
	if err != nil {
		return host
	}
	return network.String()
}

// remoteHost is the client's address without its port.
func remoteHost(addr string) string {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	return host
}

// streams counts those that are open.
type streams struct {
	mu      sync.Mutex // guards what follows
	total   int
	byActor map[string]int
}

// open counts a stream of an actor, if there is room.
func (s *streams) open(actor string, l limits) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.total >= l.streams || s.byActor[actor] >= l.actorStreams {
		return false
	}
	if s.byActor == nil {
		s.byActor = map[string]int{}
	}
	s.total++
	s.byActor[actor]++
	return true
}

func (s *streams) close(actor string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total--
	if s.byActor[actor]--; s.byActor[actor] == 0 {
		delete(s.byActor, actor)
	}
}
