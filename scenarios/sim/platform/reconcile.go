package platform

import "firedrill/scenarios/sim/des"

// controllerDelay is the time in which a controller notices a change.
const controllerDelay = 50 * des.Millisecond

// changed has the controller look at the workload soon.
func (w *Workload) changed() {
	if w.pending {
		return
	}
	w.pending = true
	w.cluster.kernel.After(controllerDelay, des.HandlerFunc(func(uint64) {
		w.pending = false
		if w.config.Kind == StatefulSet {
			w.reconcileStatefulSet()
		} else {
			w.reconcileDeployment()
		}
	}), 0)
}

// reconcileDeployment makes one step towards the wanted state: surge by one, and end old pods only while more are
// ready than wanted (k8s.io/kubernetes/pkg/controller/deployment/rolling.go).
func (w *Workload) reconcileDeployment() {
	var latest, old []*Pod
	ready := 0
	for _, p := range w.pods {
		switch {
		case p.state == Terminating:
			continue
		case w.current(p):
			latest = append(latest, p)
		default:
			old = append(old, p)
		}
		if p.state == Ready {
			ready++
		}
	}
	most := w.config.Replicas
	if len(old) > 0 {
		most++
	}
	for total := len(latest) + len(old); len(latest) < w.config.Replicas && total < most; total++ {
		p := w.create()
		p.schedule()
		latest = append(latest, p)
	}
	for len(latest) > w.config.Replicas {
		p := victim(latest)
		latest = without(latest, p)
		if p.state == Ready {
			ready--
		}
		p.terminate()
	}
	for len(old) > 0 && len(latest)+len(old) > w.config.Replicas {
		p := victim(old)
		if p.state == Ready {
			if ready <= w.config.Replicas {
				break
			}
			ready--
		}
		old = without(old, p)
		p.terminate()
	}
}

// victim is the pod to end first: one that is not ready, else the newest.
func victim(pods []*Pod) *Pod {
	last := pods[len(pods)-1]
	for i := len(pods) - 1; i >= 0; i-- {
		if pods[i].state != Ready {
			return pods[i]
		}
	}
	return last
}

// reconcileStatefulSet makes one step towards the wanted state, one pod at a time: surplus ones end from the
// highest number down, the lowest missing one is created once the others are ready, and then outdated ones end from the
// highest number down.
func (w *Workload) reconcileStatefulSet() {
	var highest, outdated *Pod
	settled := true
	for _, p := range w.pods {
		if p.state != Ready {
			settled = false
		}
		if highest == nil || p.ordinal > highest.ordinal {
			highest = p
		}
		if !w.current(p) && (outdated == nil || p.ordinal > outdated.ordinal) {
			outdated = p
		}
	}
	switch {
	case highest != nil && highest.ordinal >= w.config.Replicas:
		highest.terminate()
	case settled && len(w.pods) < w.config.Replicas:
		w.create().schedule()
	case outdated != nil && (settled || outdated.state != Ready):
		outdated.terminate()
	}
}
