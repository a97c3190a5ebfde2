// Package endpoint says how to reach one back end: address, credentials, TLS, extra headers; and how
// its HTTP answers become a [replay.PushError].
//
// Fill a [Config], call [Config.Validate] once and [Config.Client] for a client that adds headers and
// credentials to every request. [Send] makes one push with it. A gRPC sink takes [Config.TLS],
// [Config.Authorization] and Headers instead.
//
// # Secrets
//
// Passwords, tokens and header values never appear in errors, in [Config.String] or in logs. Files that
// hold them are read again for every request, so that a rotated token is picked up.
package endpoint

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

// DefaultTimeout limits a request when Config.Timeout is 0. Prometheus's remote write uses the same
// (config.DefaultRemoteWriteConfig, RemoteTimeout).
const DefaultTimeout = 30 * time.Second

// Config says how to reach one back end. It may be copied; none of its methods changes it.
type Config struct {
	// URL is the base address, http or https, without user, query and fragment.
	URL string
	// Headers are added to every request, for example X-Scope-OrgID. A name may not be one that the
	// protocol or the credentials set.
	Headers map[string]string

	// Username with Password or PasswordFile is basic auth; BearerToken or BearerTokenFile excludes it.
	Username, Password, BearerToken string
	// PasswordFile and BearerTokenFile are read for every request; white space around is cut off.
	PasswordFile, BearerTokenFile string

	// CAFile replaces the system's certificate authorities. CertFile and KeyFile are the client's own
	// certificate, read again for every connection. ServerName overrides the name to verify.
	CAFile, CertFile, KeyFile, ServerName string
	// InsecureSkipVerify accepts any server certificate.
	InsecureSkipVerify bool

	// Timeout limits one request from dialling to the last byte of the answer; 0 is DefaultTimeout.
	Timeout time.Duration
}

// reservedHeaders are set by net/http or by a protocol and would be overwritten or break it.
var reservedHeaders = []string{
	"Accept-Encoding", "Connection", "Content-Encoding", "Content-Length", "Content-Type", "Host", "Te",
	"Trailer", "Transfer-Encoding", "Upgrade", "User-Agent", "X-Prometheus-Remote-Write-Version",
	"X-Prometheus-Remote-Read-Version",
}

// Validate reports the first thing wrong with c. It opens no files and prints no secrets.
func (c Config) Validate() error {
	u, err := url.Parse(c.URL)
	if err != nil {
		// The message of net/url repeats the input, which may hold a password.
		return errors.New("endpoint: url cannot be parsed, expected something like http://127.0.0.1:9090")
	}
	switch {
	case c.URL == "":
		return errors.New("endpoint: url is empty")
	case u.User != nil:
		return errors.New("endpoint: url holds a user or password, set username and password (or password file) instead")
	case u.Scheme != "http" && u.Scheme != "https":
		// Without a scheme "host:port" may be parsed as scheme "host": say nothing but what is expected.
		return errors.New("endpoint: url must begin with http:// or https://")
	case u.Hostname() == "":
		return errors.New("endpoint: url has no host")
	case u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("endpoint: url %s://%s has a query or fragment, give the base address only", u.Scheme, u.Host)
	case c.Timeout < 0:
		return fmt.Errorf("endpoint: timeout %s is negative", c.Timeout)
	}
	if err := c.validateAuth(); err != nil {
		return err
	}
	if err := c.validateHeaders(); err != nil {
		return err
	}
	if (c.CertFile == "") != (c.KeyFile == "") {
		return errors.New("endpoint: a client certificate needs both cert file and key file")
	}
	if u.Scheme == "http" && (c.CAFile != "" || c.CertFile != "" || c.ServerName != "" || c.InsecureSkipVerify) {
		return fmt.Errorf("endpoint: TLS settings need an https:// url, got http://%s", u.Host)
	}
	return nil
}

func (c Config) validateAuth() error {
	basic := c.Username != "" || c.Password != "" || c.PasswordFile != ""
	bearer := c.BearerToken != "" || c.BearerTokenFile != ""
	switch {
	case basic && bearer:
		return errors.New("endpoint: basic auth and bearer token exclude each other")
	case basic && c.Username == "":
		return errors.New("endpoint: a password needs a username")
	case strings.Contains(c.Username, ":"):
		return errors.New("endpoint: username holds a colon, which basic auth cannot carry")
	case c.Password != "" && c.PasswordFile != "":
		return errors.New("endpoint: password and password file exclude each other")
	case c.BearerToken != "" && c.BearerTokenFile != "":
		return errors.New("endpoint: bearer token and bearer token file exclude each other")
	case !httpguts.ValidHeaderFieldValue(c.BearerToken):
		return errors.New("endpoint: bearer token holds a character that a header cannot carry")
	}
	return nil
}

func (c Config) validateHeaders() error {
	auth := c.Username != "" || c.BearerToken != "" || c.BearerTokenFile != ""
	seen := make(map[string]bool, len(c.Headers))
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		key := http.CanonicalHeaderKey(name)
		switch {
		case !httpguts.ValidHeaderFieldName(name):
			return fmt.Errorf("endpoint: %q is not a header name", name)
		case !httpguts.ValidHeaderFieldValue(c.Headers[name]):
			return fmt.Errorf("endpoint: the value of header %s holds a character that a header cannot carry", key)
		case slices.Contains(reservedHeaders, key):
			return fmt.Errorf("endpoint: header %s is set by the protocol", key)
		case key == "Authorization" && auth:
			return errors.New("endpoint: header Authorization and basic auth or bearer token exclude each other")
		case seen[key]:
			return fmt.Errorf("endpoint: header %s is given twice", key)
		}
		seen[key] = true
	}
	return nil
}

// Authorization returns the value of the Authorization header for one request, "" without
// credentials. It reads PasswordFile or BearerTokenFile.
func (c Config) Authorization() (string, error) {
	switch {
	case c.BearerToken != "":
		return "Bearer " + c.BearerToken, nil
	case c.BearerTokenFile != "":
		token, err := secret("bearer token", c.BearerTokenFile)
		return "Bearer " + token, err
	case c.Username != "":
		password := c.Password
		if c.PasswordFile != "" {
			var err error
			if password, err = secret("password", c.PasswordFile); err != nil {
				return "", err
			}
		}
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(c.Username+":"+password)), nil
	}
	return "", nil
}

// secret reads a file that holds one secret.
func secret(what, path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read %s file: %w", what, err)
	}
	s := strings.TrimSpace(string(b))
	if s == "" {
		return "", fmt.Errorf("read %s file: %s is empty", what, path)
	}
	if !httpguts.ValidHeaderFieldValue(s) {
		return "", fmt.Errorf("read %s file: %s holds a character that a header cannot carry", what, path)
	}
	return s, nil
}

// TLS returns the TLS settings of an https URL, and nil for http. It reads CAFile, and CertFile and
// KeyFile once to report what is wrong with them early.
func (c Config) TLS() (*tls.Config, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(strings.ToLower(c.URL), "https:") {
		return nil, nil
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.ServerName, InsecureSkipVerify: c.InsecureSkipVerify}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read CA file: %w", err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read CA file: %s holds no PEM certificate", c.CAFile)
		}
	}
	if c.CertFile != "" {
		load := func() (*tls.Certificate, error) {
			cert, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
			if err != nil {
				return nil, fmt.Errorf("read client certificate %s with key %s: %w", c.CertFile, c.KeyFile, err)
			}
			return &cert, nil
		}
		if _, err := load(); err != nil {
			return nil, err
		}
		t.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return load() }
	}
	return t, nil
}

// String describes c without its secrets: header values, password and token are left out.
func (c Config) String() string {
	var b strings.Builder
	// The URL may not have been validated.
	if u, err := url.Parse(c.URL); err != nil || u.Host == "" {
		b.WriteString("(invalid url)")
	} else {
		fmt.Fprintf(&b, "%s://%s%s", u.Scheme, u.Host, u.EscapedPath())
	}
	switch {
	case c.BearerToken != "" || c.BearerTokenFile != "":
		b.WriteString(" with a bearer token")
	case c.Username != "":
		fmt.Fprintf(&b, " as %s", c.Username)
	}
	if len(c.Headers) > 0 {
		fmt.Fprintf(&b, " with headers %s", strings.Join(slices.Sorted(maps.Keys(c.Headers)), ", "))
	}
	return b.String()
}

// GoString is String, so that %#v hides secrets too.
func (c Config) GoString() string { return c.String() }

// LogValue is String, for log/slog.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }
