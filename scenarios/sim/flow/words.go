package flow

import "firedrill/scenarios/sim/model"

// situation is what went wrong, before anybody words it.
type situation uint8

const (
	situationTimeout     situation = iota // no answer in time
	situationRefused                      // connection refused, or no endpoint
	situationReset                        // the server died with the request
	situationLost                         // nothing ever answered
	situationPool                         // no connection came free
	situationBreaker                      // the breaker is open
	situationCancelled                    // the one who asked has gone
	situationStatus                       // the server answered with a failure
	situationConnections                  // a database has no connection left
	situationFull                         // the server's queue is full
	situationBug                          // the server fails by itself
	situations
)

// phrase is the class and the message of an error. The messages' placeholders: {addr} ip:port of the server,
// {host} its service, {method} and {url} of the request, {status} and {reason} of the answer, {code} and
// {CODE} the gRPC code's name, {desc} what the server said, {ms} and {s} the time-out, {name} the dependency.
type phrase struct{ class, text string }

type phrases [situations]phrase

// breakerType is the class of errors of open breakers, in all runtimes but the JVM.
const breakerType = "CircuitBreakerOpen"

// common is what does not depend on the protocol, per runtime.
var common = map[model.Runtime]phrases{
	model.Go: {
		situationPool:      {"context.deadlineExceededError", "acquire connection to {name}: context deadline exceeded"},
		situationBreaker:   {breakerType, "circuit breaker is open"},
		situationCancelled: {"*errors.errorString", "context canceled"},
		situationFull:      {"*errors.errorString", "too many requests in flight"},
		situationBug:       {"*errors.errorString", "internal error"},
	},
	model.JVM: {
		situationPool:      {"java.sql.SQLTransientConnectionException", "HikariPool-1 - Connection is not available, request timed out after {ms}ms."},
		situationBreaker:   {breakerType, "io.github.resilience4j.circuitbreaker.CallNotPermittedException: CircuitBreaker '{name}' is OPEN and does not permit further calls"},
		situationCancelled: {"org.apache.catalina.connector.ClientAbortException", "java.io.IOException: Broken pipe"},
		situationFull:      {"java.util.concurrent.RejectedExecutionException", "Task rejected from ThreadPoolExecutor: queue is full"},
		situationBug:       {"java.lang.IllegalStateException", "unexpected state"},
	},
	model.Node20: {
		situationPool:      {"TimeoutError", "timeout exceeded when trying to connect"},
		situationBreaker:   {breakerType, "Breaker is open"},
		situationCancelled: {"AbortError", "The operation was aborted"},
		situationFull:      {"Error", "server is too busy"},
		situationBug:       {"TypeError", "Cannot read properties of undefined (reading 'id')"},
	},
	model.Python: {
		situationPool:      {"sqlalchemy.exc.TimeoutError", "QueuePool limit of size {size} overflow 0 reached, connection timed out, timeout {s}"},
		situationBreaker:   {breakerType, "Timeout not elapsed yet, circuit breaker still open"},
		situationCancelled: {"asyncio.exceptions.CancelledError", "request was cancelled"},
		situationFull:      {"RuntimeError", "too many requests"},
		situationBug:       {"KeyError", "'id'"},
	},
	model.Native: {
		situationPool:      {"upstream_pool_overflow", "no live connections to upstream {name}"},
		situationBreaker:   {breakerType, "upstream {name} is temporarily disabled"},
		situationCancelled: {"client_closed_request", "client prematurely closed connection"},
		situationFull:      {"overflow", "worker_connections are not enough"},
		situationBug:       {"internal", "internal error"},
	},
}

// byProtocol is what a client of a protocol says, per runtime. A runtime that is missing speaks as Go does.
var byProtocol = map[model.Protocol]map[model.Runtime]phrases{
	model.HTTP: {
		model.Go: {
			situationTimeout: {"context.deadlineExceededError", `{Method} "{url}": context deadline exceeded`},
			situationRefused: {"*net.OpError", `{Method} "{url}": dial tcp {addr}: connect: connection refused`},
			situationReset:   {"*net.OpError", `{Method} "{url}": read tcp {addr}: read: connection reset by peer`},
			situationLost:    {"*net.OpError", `{Method} "{url}": dial tcp {addr}: connect: connection timed out`},
			situationStatus:  {"*url.Error", `{method} {url}: unexpected status {status} {reason}`},
		},
		model.JVM: {
			situationTimeout: {"java.net.SocketTimeoutException", `I/O error on {method} request for "{url}": Read timed out`},
			situationRefused: {"java.net.ConnectException", `I/O error on {method} request for "{url}": Connection refused`},
			situationReset:   {"java.net.SocketException", `I/O error on {method} request for "{url}": Connection reset`},
			situationLost:    {"java.net.ConnectException", `I/O error on {method} request for "{url}": Connection timed out`},
			situationPool:    {"org.apache.http.conn.ConnectionPoolTimeoutException", "Timeout waiting for connection from pool"},
			situationStatus:  {"org.springframework.web.client.HttpServerErrorException", `{status} {reason} on {method} request for "{url}"`},
		},
		model.Node20: {
			situationTimeout: {"ETIMEDOUT", "timeout of {ms}ms exceeded"},
			situationRefused: {"ECONNREFUSED", "connect ECONNREFUSED {addr}"},
			situationReset:   {"ECONNRESET", "socket hang up"},
			situationLost:    {"ETIMEDOUT", "connect ETIMEDOUT {addr}"},
			situationStatus:  {"AxiosError", "Request failed with status code {status}"},
		},
		model.Python: {
			situationTimeout: {"requests.exceptions.ReadTimeout", "HTTPConnectionPool(host='{host}', port={port}): Read timed out. (read timeout={s})"},
			situationRefused: {"requests.exceptions.ConnectionError", "HTTPConnectionPool(host='{host}', port={port}): Max retries exceeded with url: {path} (Caused by NewConnectionError('Failed to establish a new connection: [Errno 111] Connection refused'))"},
			situationReset:   {"requests.exceptions.ConnectionError", "('Connection aborted.', ConnectionResetError(104, 'Connection reset by peer'))"},
			situationLost:    {"requests.exceptions.ConnectTimeout", "HTTPConnectionPool(host='{host}', port={port}): Connection to {host} timed out."},
			situationPool:    {"httpx.PoolTimeout", "PoolTimeout"},
			situationStatus:  {"requests.exceptions.HTTPError", "{status} Server Error: {reason} for url: {url}"},
		},
		model.Native: {
			situationTimeout: {"upstream_timeout", "upstream timed out (110: Connection timed out) while reading response header from upstream"},
			situationRefused: {"upstream_refused", "connect() failed (111: Connection refused) while connecting to upstream"},
			situationReset:   {"upstream_reset", "recv() failed (104: Connection reset by peer) while reading response header from upstream"},
			situationLost:    {"upstream_timeout", "upstream timed out (110: Connection timed out) while connecting to upstream"},
			situationStatus:  {"{status}", "upstream returned {status} {reason}"},
		},
	},
	model.GRPC: {
		model.Go: {
			situationTimeout: {"{CODE}", "rpc error: code = DeadlineExceeded desc = context deadline exceeded"},
			situationRefused: {"{CODE}", `rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial tcp {addr}: connect: connection refused"`},
			situationReset:   {"{CODE}", "rpc error: code = Unavailable desc = error reading from server: read tcp {addr}: connection reset by peer"},
			situationLost:    {"{CODE}", `rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial tcp {addr}: i/o timeout"`},
			situationStatus:  {"{CODE}", "rpc error: code = {code} desc = {desc}"},
			situationBreaker: {breakerType, "circuit breaker is open"},
		},
		model.JVM: {
			situationTimeout: {"io.grpc.StatusRuntimeException", "DEADLINE_EXCEEDED: deadline exceeded after {s}s. [remote_addr={host}/{addr}]"},
			situationRefused: {"io.grpc.StatusRuntimeException", "UNAVAILABLE: io exception: Connection refused: {host}/{addr}"},
			situationReset:   {"io.grpc.StatusRuntimeException", "UNAVAILABLE: io exception: Connection reset by peer"},
			situationLost:    {"io.grpc.StatusRuntimeException", "UNAVAILABLE: io exception: connection timed out: {host}/{addr}"},
			situationStatus:  {"io.grpc.StatusRuntimeException", "{CODE}: {desc}"},
		},
		model.Node20: {
			situationTimeout: {"ServiceError", "4 DEADLINE_EXCEEDED: Deadline exceeded after {s}s"},
			situationRefused: {"ServiceError", "14 UNAVAILABLE: No connection established. Last error: connect ECONNREFUSED {addr}"},
			situationReset:   {"ServiceError", "14 UNAVAILABLE: read ECONNRESET"},
			situationLost:    {"ServiceError", "14 UNAVAILABLE: No connection established. Last error: connect ETIMEDOUT {addr}"},
			situationStatus:  {"ServiceError", "{status} {CODE}: {desc}"},
		},
		model.Python: {
			situationTimeout: {"grpc._channel._InactiveRpcError", `status = StatusCode.DEADLINE_EXCEEDED, details = "Deadline Exceeded"`},
			situationRefused: {"grpc._channel._InactiveRpcError", `status = StatusCode.UNAVAILABLE, details = "failed to connect to all addresses; last error: UNKNOWN: ipv4:{addr}: Failed to connect to remote host: Connection refused"`},
			situationReset:   {"grpc._channel._InactiveRpcError", `status = StatusCode.UNAVAILABLE, details = "recvmsg:Connection reset by peer"`},
			situationLost:    {"grpc._channel._InactiveRpcError", `status = StatusCode.UNAVAILABLE, details = "failed to connect to all addresses; last error: UNKNOWN: ipv4:{addr}: connection attempt timed out"`},
			situationStatus:  {"grpc._channel._InactiveRpcError", `status = StatusCode.{CODE}, details = "{desc}"`},
		},
	},
	model.SQL: {
		model.Go: {
			situationTimeout:     {"*pq.Error", "pq: canceling statement due to user request"},
			situationRefused:     {"*net.OpError", "dial tcp {addr}: connect: connection refused"},
			situationReset:       {"*errors.errorString", "driver: bad connection"},
			situationLost:        {"*net.OpError", "dial tcp {addr}: connect: connection timed out"},
			situationStatus:      {"*pq.Error", "pq: {desc}"},
			situationConnections: {"*pq.Error", "pq: sorry, too many clients already"},
		},
		model.JVM: {
			situationTimeout:     {"org.postgresql.util.PSQLException", "ERROR: canceling statement due to user request"},
			situationRefused:     {"org.postgresql.util.PSQLException", "Connection to {host}:{port} refused. Check that the hostname and port are correct and that the postmaster is accepting TCP/IP connections."},
			situationReset:       {"org.postgresql.util.PSQLException", "An I/O error occurred while sending to the backend."},
			situationLost:        {"org.postgresql.util.PSQLException", "The connection attempt failed."},
			situationStatus:      {"org.postgresql.util.PSQLException", "ERROR: {desc}"},
			situationConnections: {"org.postgresql.util.PSQLException", "FATAL: sorry, too many clients already"},
		},
		model.Node20: {
			situationTimeout:     {"Error", "Query read timeout"},
			situationRefused:     {"ECONNREFUSED", "connect ECONNREFUSED {addr}"},
			situationReset:       {"Error", "Connection terminated unexpectedly"},
			situationLost:        {"ETIMEDOUT", "connect ETIMEDOUT {addr}"},
			situationStatus:      {"error", "{desc}"},
			situationConnections: {"error", "sorry, too many clients already"},
		},
		model.Python: {
			situationTimeout:     {"psycopg2.errors.QueryCanceled", "canceling statement due to statement timeout"},
			situationRefused:     {"psycopg2.OperationalError", `connection to server at "{host}" ({ip}), port {port} failed: Connection refused`},
			situationReset:       {"psycopg2.OperationalError", "server closed the connection unexpectedly"},
			situationLost:        {"psycopg2.OperationalError", `connection to server at "{host}" ({ip}), port {port} failed: Connection timed out`},
			situationStatus:      {"psycopg2.DatabaseError", "{desc}"},
			situationConnections: {"psycopg2.OperationalError", `connection to server at "{host}" ({ip}), port {port} failed: FATAL:  sorry, too many clients already`},
		},
	},
	model.Redis: {
		model.Go: {
			situationTimeout: {"*net.OpError", "read tcp {addr}: i/o timeout"},
			situationRefused: {"*net.OpError", "dial tcp {addr}: connect: connection refused"},
			situationReset:   {"*errors.errorString", "EOF"},
			situationLost:    {"*net.OpError", "dial tcp {addr}: i/o timeout"},
			situationPool:    {"*errors.errorString", "redis: connection pool timeout"},
			situationStatus:  {"proto.RedisError", "ERR {desc}"},
		},
		model.JVM: {
			situationTimeout: {"io.lettuce.core.RedisCommandTimeoutException", "Command timed out after {ms} millisecond(s)"},
			situationRefused: {"io.lettuce.core.RedisConnectionException", "Unable to connect to {host}/{addr}"},
			situationReset:   {"io.lettuce.core.RedisException", "Connection reset by peer"},
			situationLost:    {"io.lettuce.core.RedisConnectionException", "Unable to connect to {host}/{addr}"},
			situationPool:    {"redis.clients.jedis.exceptions.JedisException", "Could not get a resource from the pool"},
			situationStatus:  {"io.lettuce.core.RedisCommandExecutionException", "ERR {desc}"},
		},
		model.Node20: {
			situationTimeout: {"Error", "Command timed out"},
			situationRefused: {"ECONNREFUSED", "connect ECONNREFUSED {addr}"},
			situationReset:   {"ECONNRESET", "read ECONNRESET"},
			situationLost:    {"ETIMEDOUT", "connect ETIMEDOUT"},
			situationStatus:  {"ReplyError", "ERR {desc}"},
		},
		model.Python: {
			situationTimeout: {"redis.exceptions.TimeoutError", "Timeout reading from {host}:{port}"},
			situationRefused: {"redis.exceptions.ConnectionError", "Error 111 connecting to {host}:{port}. Connection refused."},
			situationReset:   {"redis.exceptions.ConnectionError", "Connection closed by server."},
			situationLost:    {"redis.exceptions.TimeoutError", "Timeout connecting to server"},
			situationPool:    {"redis.exceptions.ConnectionError", "Too many connections"},
			situationStatus:  {"redis.exceptions.ResponseError", "{desc}"},
		},
	},
	model.Message: {
		model.Go: {
			situationTimeout: {"kafka.Error", "kafka server: Request exceeded the user-specified time limit in the request"},
			situationRefused: {"kafka.Error", "kafka: client has run out of available brokers to talk to: dial tcp {addr}: connect: connection refused"},
			situationReset:   {"kafka.Error", "kafka: broker closed the connection"},
			situationLost:    {"kafka.Error", "kafka: client has run out of available brokers to talk to"},
			situationStatus:  {"kafka.Error", "kafka server: {desc}"},
		},
		model.JVM: {
			situationTimeout: {"org.apache.kafka.common.errors.TimeoutException", "Expiring 1 record(s) for {name}: {ms} ms has passed since batch creation"},
			situationRefused: {"org.apache.kafka.common.errors.TimeoutException", "Topic metadata not available: connection to node ({addr}) could not be established"},
			situationReset:   {"org.apache.kafka.common.errors.DisconnectException", "Node was disconnected"},
			situationLost:    {"org.apache.kafka.common.errors.TimeoutException", "Topic metadata not available: connection to node ({addr}) could not be established"},
			situationStatus:  {"org.apache.kafka.common.errors.UnknownServerException", "{desc}"},
		},
	},
}
