package exporter

import "firedrill/scenarios/sim/telemetry"

// ConnectionPool is what OpenTelemetry's instrumentation says of a pool of database connections.
type ConnectionPool struct {
	Name     string // db.client.connection.pool.name
	Used     Read
	Idle     Read
	Max      Read
	Pending  Read // requests that wait for a connection
	Timeouts Read // requests that gave up waiting
}

// Add exposes a pool of the process and returns the histogram of the seconds that requests waited.
func (p ConnectionPool) Add(g *telemetry.Group, b telemetry.Buckets) (wait *telemetry.Histogram) {
	const label = "db_client_connection_pool_name"
	add(g, "db_client_connection_count", "The number of connections that are currently in the state described by the state attribute.", p.Used, label, p.Name, "db_client_connection_state", "used")
	add(g, "db_client_connection_count", "The number of connections that are currently in the state described by the state attribute.", p.Idle, label, p.Name, "db_client_connection_state", "idle")
	add(g, "db_client_connection_max", "The maximum number of open connections allowed.", p.Max, label, p.Name)
	add(g, "db_client_connection_pending_requests", "The number of current pending requests for an open connection.", p.Pending, label, p.Name)
	add(g, "db_client_connection_timeouts_total", "The number of connection timeouts that have occurred trying to obtain a connection from the pool.", p.Timeouts, label, p.Name)
	return g.Histogram(telemetry.Family{Name: "db_client_connection_wait_time_seconds", Type: telemetry.TypeHistogram, Help: "The time it took to obtain an open connection from the pool."}, b, label, p.Name)
}

// PostgreSQL is what postgres_exporter says of a server and one database of it.
type PostgreSQL struct {
	Database           string
	Backends           map[string]Read // by state: active, idle, idle in transaction
	MaxConnections     Read
	Locks              map[string]Read // by mode, such as rowexclusivelock
	LongestTransaction Read            // seconds
	Commits, Rollbacks Read
	BlocksRead         Read // from disk
	BlocksHit          Read // from the cache
	Returned, Fetched  Read // rows
	Inserted, Updated  Read // rows
	Deadlocks          Read
}

var backendStates = []string{"active", "idle", "idle in transaction"}

// LockModes are those that PostgreSQL.Locks may have, as postgres_exporter names them.
var LockModes = []string{"accesssharelock", "rowsharelock", "rowexclusivelock", "sharelock", "exclusivelock", "accessexclusivelock"}

// Add exposes a server on its exporter.
func (p PostgreSQL) Add(g *telemetry.Group) {
	up := telemetry.Family{Name: "pg_up", Type: telemetry.TypeGauge, Help: "Whether the last scrape could connect to the server."}
	g.Func(up, Constant(1))
	add(g, "pg_settings_max_connections", "Server parameter max_connections.", p.MaxConnections)
	for _, state := range backendStates {
		add(g, "pg_stat_activity_count", "Connections in this state.", p.Backends[state], "datname", p.Database, "state", state)
	}
	add(g, "pg_stat_activity_max_tx_duration", "Seconds that the longest running transaction has taken.", p.LongestTransaction, "datname", p.Database, "state", "active")
	for _, mode := range LockModes {
		add(g, "pg_locks_count", "Locks held and waited for.", p.Locks[mode], "datname", p.Database, "mode", mode)
	}
	for _, c := range []struct {
		name, help string
		read       Read
	}{
		{"pg_stat_database_xact_commit", "Transactions that were committed.", p.Commits},
		{"pg_stat_database_xact_rollback", "Transactions that were rolled back.", p.Rollbacks},
		{"pg_stat_database_blks_read", "Disk blocks read.", p.BlocksRead},
		{"pg_stat_database_blks_hit", "Disk blocks found in the buffer cache.", p.BlocksHit},
		{"pg_stat_database_tup_returned", "Rows read by scans.", p.Returned},
		{"pg_stat_database_tup_fetched", "Rows fetched by index scans.", p.Fetched},
		{"pg_stat_database_tup_inserted", "Rows inserted.", p.Inserted},
		{"pg_stat_database_tup_updated", "Rows updated.", p.Updated},
		{"pg_stat_database_deadlocks", "Deadlocks detected.", p.Deadlocks},
	} {
		if c.read != nil {
			// Counters without _total, as the exporter has named them from the start.
			g.Func(telemetry.Family{Name: c.name, Type: telemetry.TypeCounter, Help: c.help}, c.read, "datname", p.Database)
		}
	}
}

// Redis is what redis_exporter says of a server.
type Redis struct {
	Clients, BlockedClients Read
	Memory, MaxMemory       Read // bytes
	Commands                Read
	Hits, Misses            Read
	Expired, Evicted        Read // keys
	Keys                    Read // in db0
}

// Add exposes a server on its exporter.
func (r Redis) Add(g *telemetry.Group) {
	add(g, "redis_up", "Whether the last scrape could connect to the server.", Constant(1))
	add(g, "redis_connected_clients", "Connected clients.", r.Clients)
	add(g, "redis_blocked_clients", "Clients that wait in a blocking call.", r.BlockedClients)
	add(g, "redis_memory_used_bytes", "Memory used in bytes.", r.Memory)
	add(g, "redis_memory_max_bytes", "Limit of memory in bytes.", r.MaxMemory)
	add(g, "redis_commands_processed_total", "Commands processed.", r.Commands)
	add(g, "redis_keyspace_hits_total", "Look-ups that found a key.", r.Hits)
	add(g, "redis_keyspace_misses_total", "Look-ups that found none.", r.Misses)
	add(g, "redis_expired_keys_total", "Keys that expired.", r.Expired)
	add(g, "redis_evicted_keys_total", "Keys evicted because of the memory limit.", r.Evicted)
	add(g, "redis_db_keys", "Keys of the database.", r.Keys, "db", "db0")
}

// KafkaPartition exposes a partition of a topic on kafka_exporter: the offset of its newest message.
func KafkaPartition(g *telemetry.Group, topic, partition string, offset Read) {
	add(g, "kafka_topic_partition_current_offset", "Current offset of a broker at a topic and partition.", offset, "topic", topic, "partition", partition)
}

// KafkaConsumer exposes a consumer group's place in a partition on kafka_exporter: its offset and by how many messages
// it lags behind.
func KafkaConsumer(g *telemetry.Group, group, topic, partition string, offset, lag Read) {
	add(g, "kafka_consumergroup_current_offset", "Current offset of a consumer group at a topic and partition.", offset, "consumergroup", group, "topic", topic, "partition", partition)
	add(g, "kafka_consumergroup_lag", "Messages that a consumer group lags behind at a topic and partition.", lag, "consumergroup", group, "topic", topic, "partition", partition)
}
