package httpapi

import "time"

// Limits are what tests change.
type Limits struct {
	ActorRate, ActorBurst, RemoteRate, RemoteBurst int
	ActorStreams, Streams                          int
	BodyTime, Time, KeepAlive                      time.Duration
}

// NewLimited is New with some limits changed; zero ones stay. A tick that is not nil is the clock of rates.
func NewLimited(o Options, l Limits, tick func() time.Time) *API {
	with := defaultLimits
	for _, x := range []struct {
		to   *int
		from int
	}{
		{&with.actorRate, l.ActorRate}, {&with.actorBurst, l.ActorBurst}, {&with.remoteRate, l.RemoteRate}, {&with.remoteBurst, l.RemoteBurst},
		{&with.actorStreams, l.ActorStreams}, {&with.streams, l.Streams},
	} {
		if x.from > 0 {
			*x.to = x.from
		}
	}
	for _, x := range []struct {
		to   *time.Duration
		from time.Duration
	}{{&with.bodyTime, l.BodyTime}, {&with.time, l.Time}, {&with.keepAlive, l.KeepAlive}} {
		if x.from > 0 {
			*x.to = x.from
		}
	}
	a := newAPI(o, with)
	if tick != nil {
		a.tick = tick
	}
	return a
}
