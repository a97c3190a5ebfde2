package platform

import (
	"math"

	"firedrill/scenarios/sim/des"
)

// kube-controller-manager's defaults.
const (
	autoscalerSync      = 15 * des.Second
	autoscalerTolerance = 0.1
	downStabilization   = 5 * des.Minute
	cpuInitialization   = 5 * des.Minute
	initialReadiness    = 30 * des.Second
)

// AutoscalerConfig is a HorizontalPodAutoscaler (autoscaling/v2) on the utilisation of CPU.
type AutoscalerConfig struct {
	Min, Max int
	Target   int // averageUtilization: percent of the CPU requests.
}

// Decision is what an autoscaler found and did at one sync.
type Decision struct {
	At          des.Time
	Utilization int // Percent of the requests, over the ready pods with metrics; -1 without any.
	Recommended int // By the formula, before limits and stabilization.
	Desired     int
	// Limited tells that Min, Max or the pace of scaling up kept Desired from Recommended: condition ScalingLimited.
	Limited bool
}

// Autoscaler follows k8s.io/kubernetes/pkg/controller/podautoscaler: its formula, its treatment of pods that are not
// ready or have no metrics, and the default behaviour (up by 4 pods or 100 % in 15 s, down to the highest
// recommendation of the last 5 minutes).
type Autoscaler struct {
	AutoscalerConfig
	workload  *Workload
	last      Decision
	scaledAt  des.Time
	recommend []Decision // Those of the stabilization window.
}

// scrape is what metrics-server saw of a pod last.
type scrape struct {
	process *process
	usage   des.Time
	at      des.Time
}

// Autoscale adds an autoscaler to the workload, which syncs every 15 s.
func (w *Workload) Autoscale(config AutoscalerConfig) *Autoscaler {
	a := &Autoscaler{AutoscalerConfig: config, workload: w}
	a.last = Decision{At: w.cluster.kernel.Now(), Utilization: -1, Recommended: w.config.Replicas, Desired: w.config.Replicas}
	a.recommend = []Decision{a.last}
	w.autoscaler = a
	for _, p := range w.pods {
		p.usage()
	}
	w.cluster.kernel.After(autoscalerSync, a, 0)
	return a
}

// Last returns the latest decision. ScaledAt is when it last changed the number of replicas, 0 if never.
func (a *Autoscaler) Last() Decision     { return a.last }
func (a *Autoscaler) ScaledAt() des.Time { return a.scaledAt }

// Handle syncs.
func (a *Autoscaler) Handle(uint64) {
	w := a.workload
	current, now := w.config.Replicas, w.cluster.kernel.Now()
	d := Decision{At: now}
	d.Recommended, d.Utilization = a.formula(current)
	a.recommend = append(a.recommend, d)
	for now-a.recommend[0].At > downStabilization {
		a.recommend = a.recommend[1:]
	}
	d.Desired = d.Recommended
	if d.Recommended < current {
		for _, r := range a.recommend {
			d.Desired = max(d.Desired, min(r.Recommended, current))
		}
	}
	bounded := max(a.Min, min(d.Desired, a.Max, max(2*current, current+4)))
	d.Limited = bounded != d.Desired
	d.Desired = bounded
	a.last = d
	if d.Desired != current {
		a.scaledAt = now
		w.Scale(d.Desired)
	}
	w.cluster.kernel.After(autoscalerSync, a, 0)
}

// formula is replica_calculator.go's GetResourceReplicas: ceil(current * utilization / target), with pods that are not
// ready counted as idle when scaling up, and pods without metrics as idle when scaling up and as busy when scaling down.
func (a *Autoscaler) formula(current int) (recommended, utilization int) {
	var usage, request int64 // Millicores, as the API has them.
	var measured, unready, missing int
	for _, p := range a.workload.pods {
		milli, ok := p.usage()
		switch {
		case p.state == Terminating:
		case p.notYet():
			unready++
		case !ok:
			missing++
		default:
			measured++
			usage += milli
			request += p.milliRequest()
		}
	}
	if measured == 0 || request == 0 {
		return current, -1
	}
	each := request / int64(measured)
	percent := usage * 100 / request
	ratio := float64(percent) / float64(a.Target)
	up := ratio > 1
	if missing == 0 && (unready == 0 || !up) {
		if math.Abs(ratio-1) <= autoscalerTolerance {
			return current, int(percent)
		}
		return int(math.Ceil(ratio * float64(measured))), int(percent)
	}
	counted := measured + missing
	if up {
		counted += unready
	} else {
		usage += int64(missing) * each * int64(max(100, a.Target)) / 100
	}
	request = each * int64(counted)
	again := float64(usage*100/request) / float64(a.Target)
	if math.Abs(again-1) <= autoscalerTolerance || up != (again > 1) {
		return current, int(percent)
	}
	recommended = int(math.Ceil(again * float64(counted)))
	if up && recommended < current || !up && recommended > current {
		return current, int(percent)
	}
	return recommended, int(percent)
}

func (p *Pod) milliRequest() int64 { return int64(math.Floor(float64(p.config.CPURequest*1000) + 0.5)) }

// usage returns the CPU usage in millicores since the last call, and whether one container ran all the time.
func (p *Pod) usage() (milli int64, ok bool) {
	now := p.cluster.kernel.Now()
	s := scrape{p.process, p.CPU().Usage, now}
	before := p.scraped
	p.scraped = s
	if s.process == nil || s.process != before.process || now == before.at {
		return 0, false
	}
	return int64((s.usage - before.usage) * 1000 / (now - before.at)), true
}

// notYet tells whether an autoscaler treats the pod as not ready: within 5 minutes of its start if it is not, or was
// not for the whole window of its metrics; later only if it has never been ready.
func (p *Pod) notYet() bool {
	if p.state == Pending {
		return true
	}
	now := p.cluster.kernel.Now()
	if now < p.created+cpuInitialization {
		return p.state != Ready || now < p.readyChanged+autoscalerSync
	}
	return p.state != Ready && p.readyChanged < p.created+initialReadiness
}
