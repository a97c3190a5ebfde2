package flow

import (
	"math"

	"firedrill/scenarios/sim/des"
)

// clientState makes an open loop: when the next request comes does not depend on the answers.
type clientState struct {
	flow     *Flow
	rand     *des.Rand
	dep      *Dependency // with Replica nil
	targets  []*Operation
	weights  []float64 // cumulative, the last is 1
	base     float64   // Model.Rate, or what a fault makes of it
	swing    float64   // slow noise, mean 0
	left     float64   // of the next gap, in mean gaps
	tickAt   des.Time
	dayStart float64 // seconds since midnight UTC at time 0
}

// Events of a client.
const (
	clientTicks uint64 = iota
	clientSends
)

// The rate is constant for a second. Noise is an Ornstein-Uhlenbeck process: it forgets itself in five
// minutes.
const (
	clientTick  = des.Second
	noiseMemory = 300.0 // seconds
)

func (c *Client) begin() {
	c.left = c.rand.Exp()
	if c.Model.Periodic {
		c.left = c.rand.Float64() // The phase.
		if first := des.Time(c.Model.First); first > 0 {
			c.left = float64(first.Seconds() * c.base)
		}
	}
	c.swing = c.Model.Noise * c.rand.Norm()
	c.tick()
}

// Handle receives the client's events.
func (c *Client) Handle(kind uint64) {
	if kind == clientTicks {
		c.tick()
		return
	}
	c.left = 1
	if !c.Model.Periodic {
		c.left = c.rand.Exp()
	}
	c.plan()
	c.send()
}

// tick sets the rate of the next second.
func (c *Client) tick() {
	now := c.flow.Kernel.Now()
	if m := c.Model; m.Noise > 0 {
		keep := des.Exp(-clientTick.Seconds() / noiseMemory)
		c.swing = float64(keep*c.swing) + float64(m.Noise*math.Sqrt(1-float64(keep*keep))*c.rand.Norm())
	}
	c.Rate = c.rate(now)
	c.tickAt = now + clientTick
	c.flow.Kernel.At(c.tickAt, c, clientTicks)
	c.plan()
}

// rate is what the client asks for at a time.
func (c *Client) rate(now des.Time) float64 {
	m := c.Model
	rate := c.base * max(0, 1+c.swing)
	if m.Daily > 0 {
		// Highest at 14:00 UTC, Model.Rate at noon.
		rate *= (1 + float64(m.Daily*daily(c.dayStart+now.Seconds()))) / (1 + float64(m.Daily*daily(12*3600)))
	}
	for _, b := range m.Bursts {
		if from := des.Time(b.At); now >= from && now < from+des.Time(b.For) {
			rate *= b.Factor
		}
	}
	return rate
}

// daily is a cosine over the day, 1 at 14:00.
func daily(seconds float64) float64 {
	hours := math.Mod(seconds/3600-14, 24)
	if hours < 0 {
		hours += 24
	}
	return cosine(math.Abs(hours-12)/12 - 1)
}

// cosine returns cos(pi*x) for -1 <= x <= 1, with the same bits on every machine. Taylor's series around 0
// for half the angle, then cos 2a = 2 cos²a - 1.
func cosine(x float64) float64 {
	square := float64(x * x * (math.Pi * math.Pi / 4))
	sum, term := 1.0, 1.0
	for i := 1; i <= 12; i++ {
		term = float64(term * -square / float64((2*i-1)*(2*i)))
		sum += term
	}
	return float64(2*float64(sum*sum)) - 1
}

// plan schedules the next request if it comes before the rate changes; else the rest of the gap remains.
func (c *Client) plan() {
	now := c.flow.Kernel.Now()
	span := float64((c.tickAt - now).Seconds() * c.Rate)
	at := now
	if c.left > 0 {
		at = now.Add(des.FromSeconds(c.left / c.Rate))
	}
	if c.left >= span || at >= c.tickAt { // The time may round up to the tick, which plans anew.
		c.left = max(0, c.left-span)
		return
	}
	c.flow.Kernel.At(at, c, clientSends)
}

// send sends one request of the mix.
func (c *Client) send() {
	x := c.rand.Float64()
	i := 0
	for i < len(c.weights)-1 && x >= c.weights[i] {
		i++
	}
	f := c.flow
	k := f.newCall()
	k.dep, k.target, k.client, k.partition = c.dep, c.targets[i], c, -1
	c.Sent++
	c.InFlight++
	k.start(des.Never)
}

// answered is the end of a request.
func (c *Client) answered(k *call, failure *Failure) {
	c.InFlight--
	if failure == nil {
		c.OK++
	} else {
		c.Failed++
	}
	c.Attempts += uint64(k.attempts)
	f := c.flow
	f.answer = Answer{
		Client: c, Operation: k.target, Started: k.started, Ended: f.Kernel.Now(), Attempts: k.attempts, Failure: failure,
	}
	f.observer.Answered(&f.answer)
}
