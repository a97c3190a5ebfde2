package web

import (
	"regexp"
	"slices"
	"strings"
)

// maxNodes bounds a drawing; a bigger diagram is shown as a list only.
const maxNodes = 60

// node is one part of a diagram.
type node struct {
	ID    string
	Shape string // people, service, store, outside, queue
}

// edge is an arrow, or a line when it is Plain, from one node to another.
type edge struct {
	From, To string
	Plain    bool
}

// diagram is a Mermaid flowchart as far as Firedrill draws it: nodes, their shapes, and what leads where. Subgraphs, styles and
// texts on arrows are left out.
type diagram struct {
	Nodes []node // in order of appearance
	Edges []edge
}

var (
	arrowText = regexp.MustCompile(`(--|==)\s+[^->=|]+?\s+(--+>|==+>|---+)|(-+->|=+=>|-\.+->|---+)\s*\|[^|]*\|`)
	arrow     = regexp.MustCompile(`\s+(?:<|[ox])?(--+|==+|-\.+-|~~~)([->=]*)[ox]?\s+`)
	nodeText  = regexp.MustCompile(`^([\w.-]+)(\[\(|\{\{|\[/|\[\\|\(\[|\(\(|\[|\(|\{)?`)
	skipped   = []string{"subgraph", "end", "direction", "classDef", "class", "style", "linkStyle", "click", "flowchart", "graph"}
	shapes    = map[string]string{"[(": "store", "{{": "outside", "[/": "queue", "[\\": "queue", "((": "people", "([": "people"}
)

// parseDiagram reads a Mermaid flowchart (https://mermaid.js.org/syntax/flowchart.html). Package scenarios has checked it: what is
// not understood here is left out.
func parseDiagram(text string) diagram {
	var d diagram
	for line := range strings.Lines(text) {
		for statement := range strings.SplitSeq(line, ";") {
			statement = strings.TrimSpace(statement)
			word, _, _ := strings.Cut(statement, " ")
			if statement == "" || strings.HasPrefix(statement, "%%") || slices.Contains(skipped, word) {
				continue
			}
			d.statement(statement)
		}
	}
	return d
}

// statement reads a chain such as a --> b & c --> d.
func (d *diagram) statement(s string) {
	s = arrowText.ReplaceAllStringFunc(s, func(a string) string {
		m := arrowText.FindStringSubmatch(a)
		return m[2] + m[3]
	})
	ends := arrow.FindAllStringSubmatchIndex(s, -1)
	var before []string
	start, plain := 0, false
	for i := range len(ends) + 1 {
		stop := len(s)
		if i < len(ends) {
			stop = ends[i][0]
		}
		var here []string
		for part := range strings.SplitSeq(s[start:stop], " & ") {
			if id := d.add(strings.TrimSpace(part)); id != "" {
				here = append(here, id)
			}
		}
		for _, from := range before {
			for _, to := range here {
				d.Edges = append(d.Edges, edge{from, to, plain})
			}
		}
		if i < len(ends) {
			plain = !strings.Contains(s[ends[i][0]:ends[i][1]], ">")
			before, start = here, ends[i][1]
		}
	}
}

// add notes a node, and its shape where it is told.
func (d *diagram) add(text string) string {
	m := nodeText.FindStringSubmatch(text)
	if m == nil {
		return ""
	}
	id, shape := m[1], shapes[m[2]]
	i := slices.IndexFunc(d.Nodes, func(n node) bool { return n.ID == id })
	switch {
	case i < 0 && shape == "" && id == "users":
		d.Nodes = append(d.Nodes, node{id, "people"})
	case i < 0 && shape == "":
		d.Nodes = append(d.Nodes, node{id, "service"})
	case i < 0:
		d.Nodes = append(d.Nodes, node{id, shape})
	case shape != "":
		d.Nodes[i].Shape = shape
	}
	return id
}

// neighbours are a node and where its arrows lead, for those who would rather read than look.
type neighbours struct {
	Node node
	To   []string
}

// List returns the nodes from which something leads on.
func (d *diagram) List() []neighbours {
	var list []neighbours
	for _, n := range d.Nodes {
		entry := neighbours{Node: n}
		for _, e := range d.Edges {
			if e.From == n.ID {
				entry.To = append(entry.To, e.To)
			}
		}
		if entry.To != nil {
			list = append(list, entry)
		}
	}
	return list
}
