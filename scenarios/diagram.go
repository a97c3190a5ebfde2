package scenarios

import (
	"regexp"
	"slices"
	"strings"
)

// outsiders is the node of a diagram that stands for people outside.
const outsiders = "users"

var (
	// Parts of a flowchart that are no node: text in quotes, brackets and on arrows, and classes
	// (https://mermaid.js.org/syntax/flowchart.html).
	diagramText = regexp.MustCompile(`"[^"]*"|\|[^|]*\||\[[^\]]*\]+|\([^)]*\)+|\{[^}]*\}+|:::\S+`)
	// An arrow stands between spaces, since a service's name may have hyphens.
	diagramArrow = regexp.MustCompile(`\s(?:<|[ox])?(?:--+|==+|-\.+-|~~~)[->=]*[ox]?\s|\s&\s|;`)
	diagramHead  = regexp.MustCompile(`^(?:flowchart|graph)(?:\s+(?:TB|TD|BT|LR|RL))?$`)
	// Statements without nodes, or with nodes that are declared elsewhere.
	diagramOther = []string{"subgraph", "end", "direction", "classDef", "class", "style", "linkStyle", "click", "%%"}
)

// checkDiagram notes nodes that are no services of the catalogue.
func (s *Scenario) checkDiagram(doc *document) {
	var begun bool
	for line := range strings.Lines(s.Diagram) {
		line = strings.TrimSpace(line)
		word, _, _ := strings.Cut(line, " ")
		switch {
		case line == "" || slices.Contains(diagramOther, word) || strings.HasPrefix(line, "%%"):
			continue
		case !begun:
			if !diagramHead.MatchString(line) {
				doc.fail("diagram", "the diagram begins with %q, expected a Mermaid flowchart such as flowchart LR", line)
				return
			}
			begun = true
			continue
		}
		for node := range strings.SplitSeq(diagramArrow.ReplaceAllString(diagramText.ReplaceAllString(line, ""), "\n"), "\n") {
			if node = strings.TrimSpace(node); node != "" && node != outsiders && s.service(node) == nil {
				doc.fail("diagram", "node %q of the diagram is not in the catalogue (services); arrows stand between spaces", node)
			}
		}
	}
}
