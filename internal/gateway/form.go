package gateway

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

const (
	maxForm   = 256 << 10 // bytes of parameters, in the URL and in the body each
	maxValues = 500       // parameters
	// maxQuery bounds a query, in bytes. Parsing one with many nested brackets takes time that grows with its square.
	maxQuery = 32 << 10
	// bodyWithin is how long a client may take to send a form; Grafana sends it at once.
	bodyWithin = 10 * time.Second
)

// formValues are the parameters of a request, those of the body first, as in http.Request.Form.
type formValues struct{ url.Values }

// readForm reads the parameters. Other than net/http it drops nothing that it cannot read: a back end might read it.
func readForm(w http.ResponseWriter, r *http.Request, post bool) (formValues, *problem) {
	if len(r.URL.RawQuery) > maxForm {
		return formValues{}, newProblem(http.StatusRequestURITooLong, "the parameters are longer than %d bytes", maxForm)
	}
	form, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return formValues{}, newProblem(http.StatusBadRequest, "the parameters cannot be read: %v", err)
	}
	if r.Method == http.MethodPost && post {
		body, p := readBody(w, r)
		if p != nil {
			return formValues{}, p
		}
		values, err := url.ParseQuery(body)
		if err != nil {
			return formValues{}, newProblem(http.StatusBadRequest, "the form cannot be read: %v", err)
		}
		for name, list := range form {
			values[name] = append(values[name], list...)
		}
		form = values
	}
	n := 0
	for _, list := range form {
		n += len(list)
	}
	if n > maxValues {
		return formValues{}, newProblem(http.StatusBadRequest, "there are %d parameters, at most %d are allowed", n, maxValues)
	}
	return formValues{form}, nil
}

func readBody(w http.ResponseWriter, r *http.Request) (string, *problem) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" || r.Header.Get("Content-Encoding") != "" {
		return "", newProblem(http.StatusUnsupportedMediaType, "the body must be a form, application/x-www-form-urlencoded, without an encoding")
	}
	// A recorder of a test has no connection to set a deadline on.
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Now().Add(bodyWithin))
	var b strings.Builder
	_, err = io.Copy(&b, http.MaxBytesReader(w, r.Body, maxForm))
	var tooLong *http.MaxBytesError
	switch {
	case err == nil:
		// What is left on after an error bounds net/http too, which reads the rest of a body before it answers.
		_ = c.SetReadDeadline(time.Time{})
	case errors.As(err, &tooLong):
		return "", newProblem(http.StatusRequestEntityTooLarge, "the form is longer than %d bytes", maxForm)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "", newProblem(http.StatusRequestTimeout, "the form took longer than %v to arrive", bodyWithin)
	case err != nil:
		return "", newProblem(http.StatusBadRequest, "the form did not arrive whole")
	}
	return b.String(), nil
}

// one returns the only value of a parameter, "" when it is not there.
func (f formValues) one(name string) (string, *problem) {
	switch list := f.Values[name]; len(list) {
	case 0:
		return "", nil
	case 1:
		return list[0], nil
	default:
		return "", newProblem(http.StatusBadRequest, "parameter %q is given %d times", name, len(list))
	}
}

// query returns the one query of a request.
func (f formValues) query() (string, *problem) {
	q, p := f.one("query")
	switch {
	case p != nil:
		return "", p
	case q == "":
		return "", newProblem(http.StatusBadRequest, `parameter "query" is missing`)
	case len(q) > maxQuery:
		return "", newProblem(http.StatusBadRequest, "the query is longer than %d bytes", maxQuery)
	}
	return q, nil
}
