// Package des is the discrete-event kernel of the simulator: a clock, a queue of events, independent streams of
// random numbers, distributions of times, and arithmetic that gives the same bits on every machine.
//
// A model keeps its state in structs that implement Handler and schedules itself:
//
//	type client struct {
//		kernel *des.Kernel
//		rand   *des.Rand
//		gap    des.Dist
//	}
//
//	func (c *client) Handle(arg uint64) {
//		// ... send request number arg ...
//		c.kernel.After(c.gap.Sample(c.rand), c, arg+1)
//	}
//
//	var k des.Kernel
//	c := &client{kernel: &k, rand: des.NewRand(seed, "client/web"), gap: des.Exponential(5 * des.Millisecond)}
//	k.At(0, c, 0)
//	k.Run(90 * des.Minute)
//
// # Same seed, same bytes
//
// Events of the same time fire in the order in which they were scheduled. Each entity draws from a stream of its
// own, named after it, so that adding one disturbs no other. Two things would still differ between machines: math
// has assembly for Exp, Log and Pow on some of them, and the compiler fuses x*y+z into one rounding on arm64. So
// models use this package's Exp, Log and Pow, wrap each product that is added to something in an explicit
// float64(...), which the Go specification says prevents fusing, and turn floats into times with FromFloat, because
// converting an out-of-range float to an integer depends on the machine. TestNoFusedMultiplyAdd holds the rule for
// every package of the simulator.
//
// Nothing here is safe for concurrent use: one simulation is one goroutine.
package des
