package rebase

import "strings"

// timeNames are metrics that hold a time though their name follows no rule, with their exporter.
var timeNames = map[string]bool{
	"ALERTS_FOR_STATE": true, // Prometheus: since when an alert is pending

	// Prometheus' head block, in milliseconds and in seconds.
	"prometheus_tsdb_head_min_time": true, "prometheus_tsdb_head_min_time_seconds": true,
	"prometheus_tsdb_head_max_time": true, "prometheus_tsdb_head_max_time_seconds": true,

	// node_exporter, the shorter names before 0.16
	"node_time": true, "node_time_seconds": true, "node_systemd_timer_last_trigger_seconds": true,

	// kube-state-metrics, kubelet before 1.16, etcd
	"kube_pod_container_state_started":                      true,
	"kubelet_certificate_manager_client_expiration_seconds": true,
	"kubelet_certificate_manager_server_expiration_seconds": true,
	"etcd_debugging_mvcc_db_compaction_last":                true,

	"push_time_seconds": true, "push_failure_time_seconds": true, // Pushgateway
	"certmanager_clock_time_seconds": true, "certmanager_clock_time_seconds_gauge": true, // cert-manager
	"traefik_config_last_reload_success": true, "traefik_config_last_reload_failure": true,
	"loki_gcplog_target_last_success_scrape": true, "promtail_gcplog_target_last_success_scrape": true,

	// ssl_exporter
	"ssl_ocsp_response_produced_at": true, "ssl_ocsp_response_revoked_at": true,
	"ssl_ocsp_response_this_update": true, "ssl_ocsp_response_next_update": true,

	"pg_stat_bgwriter_stats_reset": true, "pg_stat_bgwriter_stats_reset_total": true, // postgres_exporter
	"pg_stat_database_stats_reset":       true,
	"mongodb_ss_localTime":               true, // mongodb_exporter
	"windows_system_system_up_time":      true, // windows_exporter: when the system came up
	"wireguard_latest_handshake_seconds": true, // prometheus_wireguard_exporter
	"unbound_time_now_seconds":           true,
	"bind_config_time_seconds":           true,
}

// timeUnits are cut off before timeSuffixes are looked at. The first that fits is cut.
var timeUnits = []string{
	"_in_seconds", "_seconds", "_milliseconds", "_microseconds", "_nanoseconds", "_millis", "_unix", "_ms", "_us", "_ns",
}

// timeSuffixes end the names of metrics that hold a time, after the unit is cut off. A name may also be one
// of them without its first underscore.
var timeSuffixes = []string{
	"_timestamp", // what Prometheus' naming rules ask for
	"_created",   // OpenMetrics, and kube_*_created
	"_start_time", "_starttime", "_started_at", "_boot_time", "_created_at", "_updated_at", "_expires_at",
	"_end_time", "_finish_time", "_completion_time", "_creation_time", "_deletion_time", "_schedule_time", "_scheduled_time",
	"_last_seen", "_mtime", "_unixtime", "_epoch", "_last_handshake",
	"_expiry", "_expiration", "_expiry_time", "_expiration_time", "_expire_time", // blackbox_exporter, ingress-nginx, ...
	"_not_after", "_not_before", "_notafter", "_notbefore", // x509-certificate-exporter, ssl_exporter, Traefik
	"_last_vacuum", "_last_autovacuum", "_last_analyze", "_last_autoanalyze", // postgres_exporter
}

// strongSuffixes are the timeSuffixes that mean a time whatever stands before them: http_request_duration_seconds_created
// is when that histogram began.
var strongSuffixes = []string{"_created", "_timestamp"}

// notTimes are parts of names that tell of a duration or an age: such a metric holds no time.
var notTimes = []string{
	"duration", "latency", "elapsed", "_age", "_ago", "delay", "_lag", "timeout", "interval", "uptime", "_ttl",
	"remaining", "until", "since", "node_timex_",
}

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
	for _, u := range timeUnits {
		if cut, ok := strings.CutSuffix(name, u); ok {
			name = cut
			break
		}
	}
	for _, s := range strongSuffixes {
		if strings.HasSuffix(name, s) {
			return true
		}
	}
	for _, s := range notTimes {
		if strings.Contains(name, s) {
			return false
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
