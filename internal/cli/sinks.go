package cli

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"firedrill/replay"
	"firedrill/replay/endpoint"
	"firedrill/replay/lokipush"
	"firedrill/replay/otlptrace"
	"firedrill/replay/recording"
	"firedrill/replay/remotewrite"
)

// sessionAttribute is the resource attribute that marks the spans of a session.
const sessionAttribute = "firedrill.session"

// addresses say which back ends a replay goes to; those that are empty are left out.
type addresses struct {
	prometheus, loki, otlp, jaeger string
}

// configuredAddresses are those that flags, environment and file name.
func configuredAddresses(c *config) (addresses, error) {
	at := addresses{c.text("prometheus.url"), c.text("loki.url"), c.text("otlp.endpoint"), c.text("jaeger.url")}
	switch {
	case at.prometheus == "" && at.loki == "" && at.otlp == "":
		return at, fail(exitUsage, errors.New("no back end to replay into"), "give at least one of --prometheus-url, --loki-url and --otlp-endpoint")
	case at.otlp != "" && at.jaeger == "":
		return at, fail(exitUsage, errors.New("spans that are sent to --otlp-endpoint must be read back for the proof"), "give Jaeger's query API with --jaeger-url")
	case at.otlp == "" && at.jaeger != "":
		return at, fail(exitUsage, errors.New("--jaeger-url is only for reading back"), "give the address that takes spans with --otlp-endpoint")
	}
	return at, nil
}

// configuredReach is how to reach a back end with the settings of its section.
func (a *app) configuredReach(section, url string) endpoint.Config {
	c, at := a.config, section+"."
	return endpoint.Config{
		URL:                url,
		Headers:            c.headers(at + "headers"),
		Username:           c.text(at + "username"),
		Password:           c.text(at + "password"),
		PasswordFile:       c.text(at + "password-file"),
		BearerToken:        c.text(at + "bearer-token"),
		BearerTokenFile:    c.text(at + "bearer-token-file"),
		CAFile:             c.text(at + "ca-file"),
		CertFile:           c.text(at + "cert-file"),
		KeyFile:            c.text(at + "key-file"),
		ServerName:         c.text(at + "server-name"),
		InsecureSkipVerify: c.flag(at + "insecure-skip-verify"),
	}
}

// localReach is how to reach the local stack, which takes no credentials.
func localReach(_, url string) endpoint.Config { return endpoint.Config{URL: url} }

// openSinks makes the sinks of one session. Close them all with the returned function.
func (a *app) openSinks(at addresses, reach func(section, url string) endpoint.Config, session string) (sinks replay.Sinks, closeAll func(), err error) {
	var open []io.Closer
	closeAll = func() {
		for _, s := range open {
			if err := s.Close(); err != nil {
				a.log.Debug("close sink", "err", err)
			}
		}
	}
	failed := func(section string, err error) (replay.Sinks, func(), error) {
		closeAll()
		return replay.Sinks{}, nil, fail(exitUsage, fmt.Errorf("%s: %w", section, err), "")
	}
	if at.prometheus != "" {
		s, err := remotewrite.New(remotewrite.Options{
			Endpoint: reach("prometheus", at.prometheus),
			Labels:   []labels.Label{{Name: recording.SessionLabel, Value: session}},
			Log:      a.log,
		})
		if err != nil {
			return failed("prometheus", err)
		}
		open = append(open, s)
		sinks.Samples, sinks.SamplesWindow = s, a.config.duration("prometheus.window")
	}
	if at.loki != "" {
		tenant := session
		if a.config.isSet("loki.tenant") {
			tenant = a.config.text("loki.tenant")
		}
		s, err := lokipush.New(lokipush.Options{Endpoint: reach("loki", at.loki), Tenant: tenant, Log: a.log})
		if err != nil {
			return failed("loki", err)
		}
		open = append(open, s)
		sinks.Records, sinks.RecordsWindow = s, a.config.duration("loki.window")
	}
	if at.otlp != "" {
		s, err := otlptrace.New(otlptrace.Options{
			Endpoint:           reach("otlp", at.otlp),
			Protocol:           otlptrace.Protocol(a.config.text("otlp.protocol")),
			Query:              reach("jaeger", at.jaeger),
			ResourceAttributes: map[string]string{sessionAttribute: session},
			Log:                a.log,
		})
		if err != nil {
			return failed("otlp", err)
		}
		open = append(open, s)
		sinks.Spans = s
	}
	return sinks, closeAll, nil
}

// backEndError adds what to do to an error of the engine.
func backEndError(err error) error {
	var window *replay.WindowError
	var push *replay.PushError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &window):
		return fail(exitUsage, err, fmt.Sprintf("shorten the history with --history (below %s), or raise the back end's limit and say so with --prometheus-window or --loki-window", window.Window.Round(time.Second)))
	case errors.As(err, &push) && push.Status == "":
		return fail(exitBackEnd, err, "check that the back end runs and that its address is right")
	case errors.As(err, &push):
		return fail(exitBackEnd, err, "")
	}
	return err
}
