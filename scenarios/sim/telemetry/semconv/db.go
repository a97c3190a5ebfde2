package semconv

import "firedrill/scenarios/sim/telemetry"

// DatabaseBuckets are the classic buckets that the conventions advise for db.client.operation.duration.
var DatabaseBuckets = []float64{0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10}

// DB is a kind of statement that a process sends to a database or a cache. Empty fields are left out.
type DB struct {
	System     string // postgresql, mysql, redis, mongodb, ...
	Namespace  string // database, or number of a redis database
	Operation  string // SELECT, GET, ...
	Collection string // table
	Query      string // text with placeholders, in spans
	Address    string
	Port       int
}

// DB is a statement that the process sends. Its outcome has no status; Error is the database's code, such
// as an SQLSTATE, or timeout.
func (s Set) DB(d DB) *Operation {
	var f fixed
	f.both("db_system_name", "db.system.name", d.System)
	f.both("db_namespace", "db.namespace", d.Namespace)
	f.both("db_operation_name", "db.operation.name", d.Operation)
	f.both("db_collection_name", "db.collection.name", d.Collection)
	f.span("db.query.text", d.Query)
	f.both("server_address", "server.address", d.Address)
	f.both("server_port", "server.port", d.Port)
	name := d.Operation
	if d.Collection != "" {
		name += " " + d.Collection
	}
	return s.operation(Operation{kind: telemetry.KindClient, name: name, scope: scope(s.Language, d.System), judge: judgeError}, f,
		telemetry.Family{Name: "db_client_operation_duration_seconds", Type: telemetry.TypeHistogram, Help: "Duration of database client operations."},
		s.Client.buckets(DatabaseBuckets))
}

// judgeError: an outcome without a status fails when it names an error.
func judgeError(o Outcome) verdict { return verdict{errorType: o.Error, failed: o.Error != ""} }
