package rebase

import "strings"

// timeNames are metrics that hold a time though their name follows no rule. Each is named with its exporter.
var timeNames = map[string]bool{
	"ALERTS_FOR_STATE": true, // Prometheus: when a pending alert became active

	"node_boot_time": true, "node_time": true, // node_exporter before 0.16
	"node_time_seconds":                       true, // node_exporter
	"node_systemd_timer_last_trigger_seconds": true,
	"container_last_seen":                     true, // cAdvisor

	"kube_pod_container_state_started":                      true, // kube-state-metrics
	"kubelet_certificate_manager_client_expiration_seconds": true, // kubelet before 1.20

	"push_time_seconds": true, "push_failure_time_seconds": true, // Pushgateway
	"etcd_debugging_mvcc_db_compaction_last": true,

	"certmanager_clock_time_seconds": true, "certmanager_clock_time_seconds_gauge": true,
	"traefik_config_last_reload_success":               true,
	"traefik_config_last_reload_failure":               true,
	"nginx_ingress_controller_ssl_expire_time_seconds": true,
	"ssl_ocsp_response_produced_at":                    true, // ssl_exporter
	"ssl_ocsp_response_revoked_at":                     true,
	"ssl_ocsp_response_this_update":                    true,
	"ssl_ocsp_response_next_update":                    true,
	"wireguard_latest_handshake_seconds":               true,
	"pg_stat_bgwriter_stats_reset":                     true, // postgres_exporter
	"pg_stat_bgwriter_stats_reset_total":               true,
	"pg_stat_database_stats_reset":                     true,
	"mongodb_ss_localTime":                             true, // mongodb_exporter
	"windows_system_system_up_time":                    true, // windows_exporter: the boot time
	"prometheus_tsdb_head_min_time":                    true, // milliseconds
	"prometheus_tsdb_head_max_time":                    true,
	"unbound_time_now_seconds":                         true,
	"bind_config_time_seconds":                         true,
}

// timeUnits are cut off before timeSuffixes are looked at; the longest that fits is cut.
var timeUnits = []string{
	"_in_seconds", "_milliseconds", "_microseconds", "_nanoseconds", "_seconds", "_millis", "_unix", "_ms", "_us", "_ns",
}

// timeSuffixes end the names of metrics that hold a time, after the unit is cut off.
var timeSuffixes = []string{
	"_timestamp", // Prometheus' naming rule for times; everybody
	"_start_time", "_starttime", "_boot_time", "_started_at", "_created_at", "_updated_at", "_expires_at",
	"_created", // OpenMetrics, and kube_*_created
	"_last_seen", "_mtime", "_ctime", "_unixtime", "_epoch",
	"_completion_time", "_creation_time", "_deletion_time", "_finish_time", "_end_time",
	"_expiry", "_expiration", "_expiry_time", "_expiration_time", "_expire_time", // blackbox, Istio, ...
	"_not_after", "_not_before", "_notafter", "_notbefore", // x509-certificate-exporter, ssl_exporter, Traefik
	"_schedule_time", "_scheduled_time", "_min_time", "_max_time",
	"_last_vacuum", "_last_autovacuum", "_last_analyze", "_last_autoanalyze", // postgres_exporter
	"_last_handshake", "_oplog_head_time", "_oplog_tail_time",
}

// notTimes are parts of names that say duration, age or count: such a metric never holds a time.
var notTimes = []string{"duration", "latency", "elapsed", "_age", "delay", "_lag", "timeout", "interval", "uptime", "_ttl", "remaining", "until", "since", "node_timex_"}

// notTimeSuffixes belong to counters and to the parts of histograms and summaries.
var notTimeSuffixes = []string{"_total", "_bucket", "_count", "_sum"}

// TimeValued reports whether the values of the metric are times since the epoch, by its name. Give the name of the
// series, __name__. It is meant to be asked once a series. A wrong yes does little harm as long as Value tells
// times by their magnitude.
func TimeValued(name string) bool {
	if timeNames[name] {
		return true
	}
	for _, s := range notTimeSuffixes {
		if strings.HasSuffix(name, s) {
			return false
		}
	}
	for _, s := range notTimes {
		if strings.Contains(name, s) {
			return false
		}
	}
	for _, u := range timeUnits {
		if cut, ok := strings.CutSuffix(name, u); ok {
			name = cut
			break
		}
	}
	for _, s := range timeSuffixes {
		if strings.HasSuffix(name, s) || name == s[1:] {
			return true
		}
	}
	if !strings.HasSuffix(name, "_time") {
		return false
	}
	// kube_pod_status_ready_time, kube_lease_renew_time; go_memstats_last_gc_time, *_last_successful_upload_time.
	return strings.HasPrefix(name, "kube_") || strings.Contains(name, "_last_") || strings.HasPrefix(name, "last_") ||
		strings.Contains(name, "_next_")
}
