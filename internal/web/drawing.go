package web

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Sizes of a drawing, in pixels. A letter of the monospaced 12 px font is 7.3 px wide or less.
const (
	letter    = 7.3
	boxHeight = 30.0
	boxGap    = 16.0
	rowGap    = 40.0
	margin    = 6.0
)

// drawing is a diagram with positions: rows from top to bottom, in the direction of the arrows.
type drawing struct {
	Width, Height float64
	Boxes         []box
	Lines         []line
}

// box is a node; X and Y are its centre.
type box struct {
	node
	X, Y, W float64
}

// line is an edge as the d attribute of an SVG path.
type line struct {
	Path  string
	Plain bool
}

// place is a node in a row, or a bend of a line that passes through the row (then box is nil).
type place struct {
	box        *box
	row        int
	x, w       float64
	ins, outs  []*place
	barycentre float64
}

// draw places the nodes in rows such that arrows lead down wherever there is no circle, and sorts the rows so that few lines
// cross (after Sugiyama, Tagawa, Toda: Methods for visual understanding of hierarchical system structures, 1981). It returns
// nil for nothing or too much.
func draw(d diagram) *drawing {
	if len(d.Nodes) == 0 || len(d.Nodes) > maxNodes {
		return nil
	}
	row := rowsOf(d)
	places := map[string]*place{}
	var rows [][]*place
	put := func(p *place) {
		for len(rows) <= p.row {
			rows = append(rows, nil)
		}
		rows[p.row] = append(rows[p.row], p)
	}
	out := &drawing{Boxes: make([]box, len(d.Nodes))}
	for i, n := range d.Nodes {
		b := &out.Boxes[i]
		*b = box{node: n, W: math.Ceil(float64(len(n.ID))*letter) + 22}
		p := &place{box: b, row: row[n.ID], w: b.W}
		places[n.ID] = p
		put(p)
	}
	chains := make([][]*place, len(d.Edges))
	for i, e := range d.Edges {
		from, to := places[e.From], places[e.To]
		if from.row > to.row {
			from, to = to, from
		}
		chain := []*place{from}
		for r := from.row + 1; r < to.row; r++ {
			bend := &place{row: r, w: 6}
			put(bend)
			chain = append(chain, bend)
		}
		chain = append(chain, to)
		for j := 1; j < len(chain) && from.row != to.row; j++ {
			chain[j-1].outs = append(chain[j-1].outs, chain[j])
			chain[j].ins = append(chain[j].ins, chain[j-1])
		}
		chains[i] = chain
	}
	sortRows(rows)
	spread(rows)
	out.finish(rows)
	for i, e := range d.Edges {
		out.Lines = append(out.Lines, line{path(chains[i], e, places), e.Plain})
	}
	return out
}

// rowsOf puts each node below all that lead to it, circles aside, and what nothing leads to close above what it leads to.
func rowsOf(d diagram) map[string]int {
	const visiting, done = 1, 2
	state, row := map[string]int{}, map[string]int{}
	back := map[edge]bool{}
	var order []string // what leads to a node comes before it, when read backwards
	var visit func(id string)
	visit = func(id string) {
		state[id] = visiting
		for _, e := range d.Edges {
			switch {
			case e.From != id:
			case state[e.To] == visiting:
				back[e] = true // closes a circle
			case state[e.To] == 0:
				visit(e.To)
			}
		}
		state[id] = done
		order = append(order, id)
	}
	for _, n := range d.Nodes {
		if state[n.ID] == 0 {
			visit(n.ID)
		}
	}
	slices.Reverse(order)
	for _, id := range order {
		for _, e := range d.Edges {
			if e.From == id && !back[e] {
				row[e.To] = max(row[e.To], row[id]+1)
			}
		}
	}
	for _, id := range order {
		first, led := math.MaxInt, false
		for _, e := range d.Edges {
			if e.From == id && !back[e] {
				first = min(first, row[e.To])
			}
			led = led || e.To == id && !back[e]
		}
		if !led && first < math.MaxInt {
			row[id] = first - 1
		}
	}
	return row
}

// sortRows orders each row by where its neighbours above, then below, are.
func sortRows(rows [][]*place) {
	number := func(r []*place) {
		for i, p := range r {
			p.x = float64(i) / float64(len(r))
		}
	}
	for _, r := range rows {
		number(r)
	}
	arrange := func(r []*place, neighbours func(*place) []*place) {
		for _, p := range r {
			p.barycentre = mean(neighbours(p), p.x)
		}
		slices.SortStableFunc(r, func(a, b *place) int {
			switch {
			case a.barycentre < b.barycentre:
				return -1
			case a.barycentre > b.barycentre:
				return 1
			}
			return 0
		})
		number(r)
	}
	for range 12 {
		for _, r := range rows {
			arrange(r, func(p *place) []*place { return p.ins })
		}
		for _, r := range slices.Backward(rows) {
			arrange(r, func(p *place) []*place { return p.outs })
		}
	}
}

// spread gives places their x: near the middle of their neighbours, in the order of the row and without overlap.
func spread(rows [][]*place) {
	for _, r := range rows {
		var x float64
		for _, p := range r {
			p.x = x + p.w/2
			x += p.w + boxGap
		}
		for _, p := range r {
			p.x -= x / 2
		}
	}
	pull := func(r []*place, neighbours func(*place) []*place) {
		want := make([]float64, len(r))
		for i, p := range r {
			want[i] = mean(neighbours(p), p.x)
		}
		// From the left each place is as far left as it wants and may, from the right as far right; the middle of both keeps
		// the order and the distances.
		left, right := make([]float64, len(r)), make([]float64, len(r))
		for i := range r {
			if left[i] = want[i]; i > 0 {
				left[i] = max(want[i], left[i-1]+distance(r[i-1], r[i]))
			}
		}
		for i := len(r) - 1; i >= 0; i-- {
			if right[i] = want[i]; i < len(r)-1 {
				right[i] = min(want[i], right[i+1]-distance(r[i], r[i+1]))
			}
		}
		for i, p := range r {
			p.x = (left[i] + right[i]) / 2
		}
	}
	for range 16 {
		for _, r := range rows {
			pull(r, func(p *place) []*place { return p.ins })
		}
		for _, r := range slices.Backward(rows) {
			pull(r, func(p *place) []*place { return slices.Concat(p.ins, p.outs) })
		}
	}
}

func distance(a, b *place) float64 { return (a.w+b.w)/2 + boxGap }

func mean(ps []*place, otherwise float64) float64 {
	if len(ps) == 0 {
		return otherwise
	}
	var sum float64
	for _, p := range ps {
		sum += p.x
	}
	return sum / float64(len(ps))
}

// finish moves the drawing to the origin and gives the boxes their positions.
func (d *drawing) finish(rows [][]*place) {
	least, most := math.Inf(1), math.Inf(-1)
	for _, r := range rows {
		for _, p := range r {
			least, most = min(least, p.x-p.w/2), max(most, p.x+p.w/2)
		}
	}
	for i, r := range rows {
		for _, p := range r {
			p.x = math.Round(p.x - least + margin)
			if p.box != nil {
				p.box.X, p.box.Y = p.x, margin+boxHeight/2+float64(i)*(boxHeight+rowGap)
			}
		}
	}
	d.Width = math.Ceil(most-least) + 2*margin
	d.Height = 2*margin + float64(len(rows))*(boxHeight+rowGap) - rowGap
}

// path draws an edge from its From to its To; chain goes from the upper to the lower.
func path(chain []*place, e edge, places map[string]*place) string {
	from, to := places[e.From], places[e.To]
	var b strings.Builder
	if from.row == to.row { // only a circle of one row; an arc above it
		fmt.Fprintf(&b, "M%g %gC%g %g %g %g %g %g", from.x, from.box.Y-boxHeight/2, from.x, from.box.Y-boxHeight, to.x, to.box.Y-boxHeight, to.x, to.box.Y-boxHeight/2)
		return b.String()
	}
	up := chain[0] != from
	if up {
		chain = slices.Clone(chain)
		slices.Reverse(chain)
	}
	sign := 1.0
	if up {
		sign = -1
	}
	y := func(r int) float64 { return margin + boxHeight/2 + float64(r)*(boxHeight+rowGap) }
	half := sign * boxHeight / 2
	x0, y0 := chain[0].x, y(chain[0].row)+half
	fmt.Fprintf(&b, "M%g %g", x0, y0)
	for _, p := range chain[1:] {
		x1, y1 := p.x, y(p.row)-half
		mid := (y0 + y1) / 2
		fmt.Fprintf(&b, "C%g %g %g %g %g %g", x0, mid, x1, mid, x1, y1)
		if p.box == nil { // straight on past the boxes of the row
			y1 += 2 * half
			fmt.Fprintf(&b, "L%g %g", x1, y1)
		}
		x0, y0 = x1, y1
	}
	return b.String()
}

// Left and Top are a corner of the box, Baseline is where its text stands.
func (b box) Left() float64     { return b.X - b.W/2 }
func (b box) Top() float64      { return b.Y - boxHeight/2 }
func (b box) Baseline() float64 { return b.Y + 4 }

// Cylinder, Hexagon and Slant are outlines of a store, of what is run by others and of a queue.
func (b box) Cylinder() string {
	l, t, bottom := b.Left(), b.Top(), b.Top()+boxHeight
	return fmt.Sprintf("M%g %gv%gc0 5 %g 5 %g 0v-%gc0 -5 -%g -5 -%g 0c0 5 %g 5 %g 0", l, t+4, bottom-t-8, b.W, b.W, bottom-t-8, b.W, b.W, b.W, b.W)
}

func (b box) Hexagon() string {
	l, r, t, bottom := b.Left(), b.Left()+b.W, b.Top(), b.Top()+boxHeight
	return fmt.Sprintf("M%g %gL%g %gH%gL%g %gL%g %gH%gZ", l-2, b.Y, l+8, t, r-8, r+2, b.Y, r-8, bottom, l+8)
}

func (b box) Slant() string {
	l, r, t, bottom := b.Left(), b.Left()+b.W, b.Top(), b.Top()+boxHeight
	return fmt.Sprintf("M%g %gH%gL%g %gH%gZ", l+6, t, r+4, r-6, bottom, l-4)
}
