package platform

import (
	"fmt"

	"firedrill/scenarios/sim/des"
)

// NodeConfig describes a machine of the cluster.
type NodeConfig struct {
	Name, Zone string
	Cores      float64
	Memory     int64 // Bytes.
}

// Node is a machine. While its pods want more cores than it has, it divides them in proportion to the CPU requests,
// and what one does not want goes to the others (weighted max-min fairness, which CFS shares come to).
type Node struct {
	NodeConfig
	IP     string
	kernel *des.Kernel
	number int
	pods   int // Addresses given out so far.

	cores     float64
	members   []*cpu
	neighbour share
	demand    float64 // The sum over members, whole cores.
	scratch   []*share

	requestedCPU    float64
	requestedMemory int64

	last          des.Time
	neighbourUsed float64 // ns
	crowded       des.Time
	retired       float64 // ns used by containers that are gone.
}

// share is a claim on the cores of a node.
type share struct {
	weight, demand, grant float64 // Cores.
	next                  float64 // The grant being worked out.
}

// SetNeighbour sets the load that other tenants of the machine put on it from now on: the cores they would use if they
// could, and their weight against the CPU requests (in cores) of the pods. Zero cores is none.
func (n *Node) SetNeighbour(cores, weight float64) {
	n.settle()
	n.neighbour.demand, n.neighbour.weight = cores, max(weight, 2.0/1024)
	n.divide(nil)
}

// Usage returns the CPU time that everything on the node has used, neighbours included.
func (n *Node) Usage() des.Time {
	n.settle()
	sum := n.retired + n.neighbourUsed
	for _, m := range n.members {
		m.settle()
		sum += m.usage
	}
	return des.FromFloat(sum)
}

// Crowded returns for how long the neighbours have wanted more cores than they got.
func (n *Node) Crowded() des.Time {
	n.settle()
	return n.crowded
}

// Runnable returns the number of threads of pods that run or wait to run, and the neighbour's cores: what the load
// average follows.
func (n *Node) Runnable() float64 {
	sum := n.neighbour.demand
	for _, m := range n.members {
		sum += float64(m.runnable())
	}
	return sum
}

func (n *Node) join(c *cpu) { n.members = append(n.members, c) }

func (n *Node) leave(c *cpu) {
	n.retired += c.usage
	for i, m := range n.members {
		if m == c {
			n.members = append(n.members[:i], n.members[i+1:]...)
			return
		}
	}
}

func (n *Node) settle() {
	now := n.kernel.Now()
	n.neighbourUsed += float64(float64(now-n.last) * n.neighbour.grant)
	if n.neighbour.grant < n.neighbour.demand {
		n.crowded += now - n.last
	}
	n.last = now
}

// ask changes what one container wants. As long as there is enough for all before and after, nobody else is touched.
func (n *Node) ask(c *cpu, demand float64) {
	before := n.demand
	n.demand += demand - c.demand
	c.demand = demand
	if max(before, n.demand)+n.neighbour.demand <= n.cores {
		c.grant = demand
		return
	}
	n.divide(c)
}

// divide grants cores anew. Those whose grant changes account for the time until now and go on with the new one; the
// one that asks does so itself.
func (n *Node) divide(asking *cpu) {
	claims := append(n.scratch[:0], &n.neighbour)
	for _, m := range n.members {
		if m.demand > 0 {
			claims = append(claims, &m.share)
		} else {
			m.next = 0
		}
	}
	n.scratch = claims[:0]
	fill(n.cores, claims)
	n.settle()
	n.neighbour.grant = n.neighbour.next
	for _, m := range n.members {
		switch {
		case m == asking:
			m.grant = m.next
		case m.grant != m.next:
			m.settle()
			m.grant = m.next
			m.arm()
		}
	}
}

// fill divides cores by weighted max-min fairness. It sets next, and reorders claims.
func fill(cores float64, claims []*share) {
	for len(claims) > 0 {
		var weights float64
		for _, c := range claims {
			weights += c.weight
		}
		level := cores / weights
		rest := claims[:0]
		for _, c := range claims {
			if c.demand <= float64(level*c.weight) {
				c.next = c.demand
				cores -= c.demand
			} else {
				rest = append(rest, c)
			}
		}
		if len(rest) == len(claims) {
			for _, c := range rest {
				c.next = level * c.weight
			}
			return
		}
		claims = rest
	}
}

// fits tells whether the requests of one more pod fit.
func (n *Node) fits(c *PodConfig) bool {
	return n.requestedCPU+c.CPURequest <= n.Cores && n.requestedMemory+c.MemoryRequest <= n.Memory
}

// address returns an address of the node's pod network, as a CNI plugin with a /24 per node gives them.
func (n *Node) address() string {
	n.pods++
	return fmt.Sprintf("10.244.%d.%d", n.number+1, 2+(n.pods-1)%252)
}
