package sim

import (
	"firedrill/scenarios/sim/des"
	"firedrill/scenarios/sim/flow"
	"firedrill/scenarios/sim/model"
	"firedrill/scenarios/sim/platform"
	"firedrill/scenarios/sim/telemetry/logformat"
)

// listener follows the pods. What a process says of its own beginning and end depends on its runtime; one that is
// killed says nothing.
func (r *run) listener() platform.Listener {
	service := map[string]*flow.Service{}
	for _, s := range r.flow.Services {
		service[s.Model.Name] = s
	}
	live := func(p *platform.Pod) *process {
		if u := r.units[p.Name()]; u != nil {
			return u.process
		}
		return nil
	}
	return platform.Listener{
		Started: func(pod *platform.Pod) {
			for _, replica := range service[pod.Workload().Config().Name].Replicas {
				if replica.Pod == pod {
					r.started(replica)
					live(pod).say(starting)
					if pod.Restarts() > 0 {
						live(pod).say(recovering)
					}
				}
			}
		},
		Ready: func(pod *platform.Pod) {
			if p := live(pod); p != nil && !p.ready {
				p.ready = true
				p.say(serving)
			}
		},
		Terminating: func(pod *platform.Pod) {
			if p := live(pod); p != nil {
				p.say(stopping)
			}
		},
		Killed: func(pod *platform.Pod, t platform.Termination) {
			if p := live(pod); p != nil {
				if t.Reason == "Completed" {
					p.say(stopped)
				} else if t.Reason == "Error" && t.ExitCode != 137 {
					p.say(exhausted)
				}
				p.unit.ended()
			}
		},
		Removed: func(pod *platform.Pod) {
			if u := r.units[pod.Name()]; u != nil {
				u.removed()
			}
		},
		Collected: func(pod *platform.Pod, e platform.GCEvent) {
			if p := live(pod); p != nil {
				p.collected(e)
			}
		},
	}
}

// moment is one in the life of a process.
type moment int

const (
	starting   moment = iota
	recovering        // after the one before was killed
	serving
	stopping
	stopped
	exhausted // the runtime's heap is full, and it ends itself
)

// said is a line of a life; {service}, {Class}, {version}, {s} and {port} are filled in.
type said struct {
	logger, thread, message string
	level                   logformat.Level
	fields                  []logformat.Field
}

// lives are the lines by runtime.
var lives = map[model.Runtime]map[moment][]said{
	model.Go: {
		starting: {{message: "starting {service}", level: logformat.Info, fields: []logformat.Field{{Key: "version", Value: "{version}"}}}},
		serving:  {{message: "listening", level: logformat.Info, fields: []logformat.Field{{Key: "addr", Value: ":{port}"}}}},
		stopping: {{message: "shutting down", level: logformat.Info, fields: []logformat.Field{{Key: "signal", Value: "terminated"}}}},
		stopped:  {{message: "server stopped", level: logformat.Info}},
	},
	model.JVM: {
		starting: {{"{base}.{Class}Application", "main", "Starting {Class}Application v{version} using Java 21.0.9 with PID 1 (/app/{service}.jar started by app in /app)", logformat.Info, nil}},
		serving: {
			{"org.springframework.boot.tomcat.TomcatWebServer", "main", "Tomcat started on port {port} (http) with context path '/'", logformat.Info, nil},
			{"{base}.{Class}Application", "main", "Started {Class}Application in {s} seconds (process running for {up})", logformat.Info, nil},
		},
		stopping:  {{"org.springframework.boot.tomcat.GracefulShutdown", "SpringApplicationShutdownHook", "Commencing graceful shutdown. Waiting for active requests to complete", logformat.Info, nil}},
		stopped:   {{"org.springframework.boot.tomcat.GracefulShutdown", "tomcat-shutdown", "Graceful shutdown complete", logformat.Info, nil}},
		exhausted: {{"", "main", "Terminating due to java.lang.OutOfMemoryError: Java heap space", logformat.Error, nil}},
	},
	model.Node20: {
		starting:  {{message: "starting {service} {version}", level: logformat.Info}},
		serving:   {{message: "Server listening at http://0.0.0.0:{port}", level: logformat.Info}},
		stopping:  {{message: "SIGTERM received, closing server", level: logformat.Info}},
		stopped:   {{message: "server closed", level: logformat.Info}},
		exhausted: {{message: "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory", level: logformat.Fatal}},
	},
	model.Python: {
		starting: {{logger: "uvicorn.error", message: "Started server process [1]", level: logformat.Info}, {logger: "uvicorn.error", message: "Waiting for application startup.", level: logformat.Info}},
		serving:  {{logger: "uvicorn.error", message: "Application startup complete.", level: logformat.Info}, {logger: "uvicorn.error", message: "Uvicorn running on http://0.0.0.0:{port} (Press CTRL+C to quit)", level: logformat.Info}},
		stopping: {{logger: "uvicorn.error", message: "Shutting down", level: logformat.Info}},
		stopped:  {{logger: "uvicorn.error", message: "Finished server process [1]", level: logformat.Info}},
	},
}

// grpcLives are those of a JVM without a web server, by grpc-spring's GrpcServerLifecycle.
var grpcLives = map[moment][]said{
	starting: lives[model.JVM][starting],
	serving: {
		{"net.devh.boot.grpc.server.serverfactory.GrpcServerLifecycle", "main", "gRPC Server started, listening on address: *, port: {port}", logformat.Info, nil},
		lives[model.JVM][serving][1],
	},
	stopped:   {{"net.devh.boot.grpc.server.serverfactory.GrpcServerLifecycle", "SpringApplicationShutdownHook", "Completed gRPC server shutdown", logformat.Info, nil}},
	exhausted: lives[model.JVM][exhausted],
}

// serversLives are those of servers that are not our own code, by the format of their log.
var serversLives = map[string]map[moment][]said{
	"nginx": {
		starting: {{message: "start worker processes", level: logformat.Info}},
		stopping: {{message: "signal 3 (SIGQUIT) received, shutting down", level: logformat.Info}},
		stopped:  {{message: "exit", level: logformat.Info}},
	},
	"envoy": {
		starting: {{logger: "main", message: "starting main dispatch loop", level: logformat.Info}},
		serving:  {{logger: "config", message: "all dependencies initialized. starting workers", level: logformat.Info}},
		stopping: {{logger: "main", message: "shutting down server instance", level: logformat.Info}},
	},
	"postgres": {
		starting: {{message: `starting PostgreSQL {version} on x86_64-pc-linux-gnu`, level: logformat.Info}, {message: "listening on IPv4 address \"0.0.0.0\", port 5432", level: logformat.Info}},
		recovering: {
			{message: "database system was not properly shut down; automatic recovery in progress", level: logformat.Info},
			{message: "redo starts at 3B/8C1A2F48", level: logformat.Info},
			{message: "redo done at 3B/8C2B0D10 system usage: CPU: user: 0.02 s, system: 0.01 s, elapsed: 0.06 s", level: logformat.Info},
		},
		serving:  {{message: "database system is ready to accept connections", level: logformat.Info}},
		stopping: {{message: "received fast shutdown request", level: logformat.Info}, {message: "aborting any active transactions", level: logformat.Info}},
		stopped:  {{message: "database system is shut down", level: logformat.Info}},
	},
}

// say writes the lines of a moment.
func (p *process) say(m moment) {
	r, s := p.unit.run, p.unit.service.Model
	now := r.flow.Kernel.Now()
	if !r.recording(now) {
		return
	}
	lines := lives[s.Runtime][m]
	if s.Runtime == model.JVM && p.grpcOnly() {
		lines = grpcLives[m]
	}
	if own, ok := serversLives[s.Logs.Format]; ok {
		lines = own[m]
	} else if s.Kind == model.Database || s.Kind == model.Cache || s.Kind == model.Broker {
		lines = serversLives["postgres"][m]
		if s.Kind != model.Database {
			return
		}
	}
	protocol := model.HTTP
	if len(s.Operations) > 0 && s.Operations[0].Protocol != model.Message {
		protocol = s.Operations[0].Protocol
	}
	// The JVM starts some time after its container, and Spring after the JVM.
	up := now - p.unit.pod.Started() - des.Time(20+hash(80, p.unit.pod.Name()))*des.Millisecond
	spring := max(up/2, up-des.Time(400+hash(500, itoa(p.unit.pod.Restarts()), p.unit.pod.Name()))*des.Millisecond)
	fill := replacer("{service}", s.Front(), "{Class}", camel(words(s.Front())), "{base}", p.base(), "{version}", p.unit.pod.Version(),
		"{s}", seconds(spring), "{up}", seconds(up), "{port}", itoa(port(s, protocol)))
	for _, l := range lines {
		e := logformat.Event{Level: l.level, Logger: fill(l.logger), Message: fill(l.message), Thread: l.thread, Caller: p.caller(ofMain, l.message)}
		for _, f := range l.fields {
			e.Fields = append(e.Fields, logformat.Field{Key: f.Key, Value: fill(f.Value.(string))})
		}
		p.write(now, flow.Trace{}, e)
	}
}
