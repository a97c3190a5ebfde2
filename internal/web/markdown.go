package web

import (
	"bytes"
	"html/template"
	"regexp"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// renderer turns Markdown into HTML. goldmark leaves out raw HTML and addresses such as javascript: unless told otherwise.
var renderer = goldmark.New(
	goldmark.WithExtensions(extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignNone)), extension.Linkify),
	goldmark.WithParserOptions(parser.WithASTTransformers(util.Prioritized(tame{}, 100))),
)

// markdown renders a text that is not to be trusted.
func markdown(s string) template.HTML {
	var out bytes.Buffer
	if err := renderer.Convert([]byte(s), &out); err != nil {
		return template.HTML(template.HTMLEscapeString(s)) //nolint:gosec // it is escaped
	}
	return template.HTML(out.String()) //nolint:gosec // goldmark escapes, and tame removes what loads something
}

// tame fits a text into a page: links give nothing away to where they lead, headings come below those of the page, cells are not aligned by style
// attributes (the content security policy refuses them), and images, which the policy refuses as well, become links.
type tame struct{}

var _ parser.ASTTransformer = tame{}

var absolute = regexp.MustCompile(`^https?://`)

// Transform implements parser.ASTTransformer.
func (tame) Transform(doc *ast.Document, _ text.Reader, _ parser.Context) {
	var images []*ast.Image
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) { // never fails, as the function does not
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Heading:
			n.Level = min(n.Level+2, 6)
		case *ast.Link:
			outward(n, n.Destination)
		case *ast.AutoLink:
			outward(n, []byte("https://"))
		case *ast.Image:
			images = append(images, n)
		}
		return ast.WalkContinue, nil
	})
	for _, image := range images {
		link := ast.NewLink()
		link.Destination = image.Destination
		outward(link, link.Destination)
		for c := image.FirstChild(); c != nil; c = image.FirstChild() {
			link.AppendChild(link, c)
		}
		image.Parent().ReplaceChild(image.Parent(), image, link)
	}
}

func outward(n ast.Node, to []byte) {
	if absolute.Match(to) {
		n.SetAttributeString("rel", []byte("noopener noreferrer nofollow"))
	}
}
