package gateway

import (
	"net/http"
	"net/url"
	"path"
	"strings"
	"unicode/utf8"
)

// maxPath bounds a request's path, in bytes as it was sent.
const maxPath = 2048

// cleanPath returns the decoded path of a request's URL. It refuses every path that a server behind might read in
// another way than this one: what path.Clean would change (dot segments, double and trailing slashes), encoded slashes and
// percent signs, backslashes and control characters.
func cleanPath(u *url.URL) (string, *problem) {
	p, escaped := u.Path, strings.ToLower(u.EscapedPath())
	switch {
	case len(escaped) > maxPath:
		return "", newProblem(http.StatusRequestURITooLong, "the path is longer than %d bytes", maxPath)
	case u.Opaque != "" || !strings.HasPrefix(p, "/") || path.Clean(p) != p,
		strings.Contains(escaped, "%2f"), strings.ContainsAny(p, `\%;`), strings.ContainsFunc(p, control), !utf8.ValidString(p):
		return "", refusal(http.StatusBadRequest, reasonPath, "the path is not in its plain form")
	}
	return p, nil
}

// control tells whether a character is an ASCII control character.
func control(r rune) bool { return r < 0x20 || r == 0x7f }
