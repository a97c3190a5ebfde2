package convert

// The Nezha data set (Yu et al., ESEC/FSE 2023): a Kubernetes application under load with injected
// faults, as CSV files. docs/import-nezha.md has the tables of names and the traps in the data.
//
// The fault list and the root causes that lie beside the telemetry are the answer: they are never read.

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
)

// maxName limits the name of a pod, node or container: that of a Kubernetes object, a DNS name.
const maxName = 253

var (
	kubeName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`)
	// Names of pods of a ReplicaSet, a DaemonSet and a StatefulSet. Kubernetes draws the last five
	// letters, and writes the template's hash, in this alphabet (k8s.io/apimachinery/pkg/util/rand).
	podSuffix = regexp.MustCompile(`^(.+?)(?:-[bcdfghjklmnpqrstvwxz2456789]{4,10}-[bcdfghjklmnpqrstvwxz2456789]{5}` +
		`|-[bcdfghjklmnpqrstvwxz2456789]{5}|-[0-9]{1,4})$`)
)

// nezha is the import of one or more directories of the data set.
type nezha struct {
	*job
	nodeOf   map[string]string // by service, from dependency.csv; "" when there are several
	services map[string]bool   // that dependency.csv names
	pods     map[string]*pod
}

// pod is what is known of one pod.
type pod struct {
	name, service, namespace string
	node                     string // empty when unknown
	nodeFromLog              bool
}

func importNezha(j *job, paths []string) error {
	n := &nezha{job: j, nodeOf: map[string]string{}, services: map[string]bool{}, pods: map[string]*pod{}}
	var logs, traces, metrics []string
	for _, dir := range paths {
		if !isDir(dir) {
			return fmt.Errorf("%s is not a directory: want one with log/, trace/ and metric/", dir)
		}
		found := len(logs) + len(traces) + len(metrics)
		for _, s := range []struct {
			pattern string
			files   *[]string
		}{{"log/*_log.csv", &logs}, {"trace/*_trace.csv", &traces}, {"metric/*.csv", &metrics}} {
			m, err := filepath.Glob(filepath.Join(escapeGlob(dir), filepath.FromSlash(s.pattern)))
			if err != nil {
				return fmt.Errorf("%s: %w", dir, err)
			}
			*s.files = append(*s.files, m...)
		}
		if found == len(logs)+len(traces)+len(metrics) {
			return fmt.Errorf("%s has no log/*_log.csv, trace/*_trace.csv or metric/*.csv: want a directory such as rca_data/2022-08-22", dir)
		}
	}
	for _, fs := range [][]string{logs, traces, metrics} {
		for _, f := range fs {
			i, err := os.Stat(f)
			if err != nil {
				return err
			}
			j.total += i.Size()
		}
	}
	// The call graph and the logs tell on which node a pod ran, so they come first.
	for _, f := range metrics {
		if filepath.Base(f) == "dependency.csv" {
			if err := n.dependencies(f); err != nil {
				return err
			}
		}
	}
	for _, f := range logs {
		if err := n.logs(f); err != nil {
			return err
		}
	}
	for _, f := range traces {
		if err := n.traces(f); err != nil {
			return err
		}
	}
	return n.metrics(metrics)
}

func escapeGlob(s string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(s)
}

// dependencies reads the call graph: edges between services, and the node on which each service ran.
// The edges themselves are not written: they have no time, and the traces and edge latencies show them.
func (n *nezha) dependencies(name string) error {
	t, err := n.openTable(name, "Source", "Target", "Weight")
	if err != nil {
		return err
	}
	defer t.close()
	for {
		row, err := t.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		src, dst := strings.Clone(row[0]), strings.Clone(row[1])
		for _, s := range []string{src, dst} {
			if err := checkKube(s); err != nil {
				return t.errorf("%w", err)
			}
		}
		n.services[src] = true
		if !isAddress(dst) {
			n.services[dst] = true
			n.skip("dependency.csv: an edge between services, which has no time", t.place())
			continue
		}
		if old, ok := n.nodeOf[src]; ok && old != dst {
			n.nodeOf[src] = ""
			continue
		}
		n.nodeOf[src] = dst
	}
}

func isAddress(s string) bool {
	return s != "" && strings.Trim(s, "0123456789.") == "" && strings.Count(s, ".") == 3
}

func checkKube(s string) error {
	if len(s) > maxName || !kubeName.MatchString(s) {
		return fmt.Errorf("%.60q is not a Kubernetes name", s)
	}
	return nil
}

// pod returns what is known of the pod. Its service is its name without the hash of the template and
// the random suffix.
func (n *nezha) pod(name string) (*pod, error) {
	if p, ok := n.pods[name]; ok {
		return p, nil
	}
	if err := checkKube(name); err != nil {
		return nil, fmt.Errorf("PodName: %w", err)
	}
	name = strings.Clone(name)
	p := &pod{name: name, service: name}
	if m := podSuffix.FindStringSubmatch(name); m != nil {
		p.service = m[1]
	}
	p.namespace = namespaceOf(p.service)
	p.node = n.nodeOf[p.service]
	if len(n.services) > 0 && !n.services[p.service] {
		n.doubt("pod of a service that dependency.csv does not name", name)
	}
	n.pods[name] = p
	return p, nil
}

// namespaceOf returns the authors' own name of the application (main.py --ns), since the data has none:
// "ts" for Train Ticket, whose services all begin so, else "hipster" for Online Boutique.
func namespaceOf(service string) string {
	if strings.HasPrefix(service, "ts-") {
		return "ts"
	}
	return "hipster"
}

// labels returns the identity of the pod with the metric name and more pairs of name and value.
func (p *pod) labels(metric string, more ...string) labels.Labels {
	b := labels.NewBuilder(labels.EmptyLabels())
	b.Set(model.MetricNameLabel, metric)
	b.Set("namespace", p.namespace)
	b.Set("service", p.service)
	b.Set("pod", p.name)
	b.Set("node", p.node) // an empty value is no label
	for i := 0; i < len(more); i += 2 {
		b.Set(more[i], more[i+1])
	}
	return b.Labels()
}
