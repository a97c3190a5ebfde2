package rebase_test

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"firedrill/replay/rebase"
)

func TestValue(t *testing.T) {
	const shift = 3600010 // seconds
	wall := func(recorded int64) int64 { return recorded + shift*1e9 }
	for _, c := range []struct{ v, want float64 }{
		{1661145522, 1661145522 + shift},
		{1661145522.9083185, 1661145522.9083185 + shift},
		{1661145522908, 1661145522908 + shift*1e3},
		{1661145522908318, 1661145522908318 + shift*1e6},
		{1661145522908318464, 1661145522908318464 + shift*1e9},
		{2208988800, 2208988800 + shift},           // an expiry in 2040 is ahead, and moves
		{1e9, 1e9 + shift}, {999999999, 999999999}, // 2001-09-09
		{0, 0}, {1, 1}, {-1, -1}, {-62135596800, -62135596800}, {-1661145522, -1661145522}, // Go's zero time is year 1
		{9.3e9, 9.3e9}, {253402300799, 253402300799}, {9.3e12, 9.3e12}, {9.3e15, 9.3e15}, {9.3e18, 9.3e18}, {math.MaxFloat64, math.MaxFloat64},
		{math.Inf(1), math.Inf(1)}, {math.Inf(-1), math.Inf(-1)},
		{math.Copysign(0, -1), math.Copysign(0, -1)},
		{math.NaN(), math.NaN()},
		{math.Float64frombits(0x7ff0000000000002), math.Float64frombits(0x7ff0000000000002)}, // stale marker
	} {
		if got := rebase.Value(c.v, wall); math.Float64bits(got) != math.Float64bits(c.want) {
			t.Errorf("Value(%v) = %v (%#x), want %v (%#x)", c.v, got, math.Float64bits(got), c.want, math.Float64bits(c.want))
		}
	}
}

// TestValueSpeed: with another speed the shift is no whole number; what is due later moves less.
func TestValueSpeed(t *testing.T) {
	start := time.Date(2022, 8, 22, 5, 0, 0, 0, time.UTC).UnixNano()
	wall := func(recorded int64) int64 { return start + 1e18/10 + (recorded-start)/2 }
	got := rebase.Value(float64(start/1e9+3), wall)
	if want := float64(start/1e9) + 1e8 + 1.5; got != want {
		t.Errorf("Value = %f, want %f", got, want)
	}
}

// TestValueExact: float seconds keep every bit of their fraction.
func TestValueExact(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	const shift = 123456789
	for range 10000 {
		v := 1.6e9 + r.Float64()*1e7 // v and v+shift share the exponent, so the sum is exact
		got := rebase.Value(v, func(recorded int64) int64 { return recorded + shift*1e9 })
		if got-shift != v {
			t.Fatalf("Value(%v) = %v, which is %g s off", v, got, got-shift-v)
		}
	}
}

// TestTimeValued has names of real exporters.
func TestTimeValued(t *testing.T) {
	yes := []string{
		"ALERTS_FOR_STATE", "process_start_time_seconds", "node_boot_time_seconds", "node_time_seconds", "node_boot_time",
		"node_textfile_mtime_seconds", "node_systemd_unit_start_time_seconds", "node_systemd_timer_last_trigger_seconds",
		"node_os_support_end_timestamp_seconds",
		"container_last_seen", "container_start_time_seconds", "go_memstats_last_gc_time_seconds",
		"http_requests_created", "http_request_duration_seconds_created", "kube_pod_created", "kube_namespace_created", "kube_pod_start_time", "kube_pod_completion_time",
		"kube_pod_status_ready_time", "kube_pod_status_container_ready_time", "kube_pod_status_scheduled_time",
		"kube_pod_container_state_started", "kube_pod_container_status_last_terminated_timestamp", "kube_pod_deletion_timestamp",
		"kube_job_status_start_time", "kube_job_status_completion_time", "kube_cronjob_next_schedule_time",
		"kube_cronjob_status_last_schedule_time", "kube_cronjob_status_last_successful_time", "kube_lease_renew_time",
		"kube_namespace_deletion_timestamp",
		"probe_ssl_earliest_cert_expiry", "probe_ssl_last_chain_expiry_timestamp_seconds", "x509_cert_not_after",
		"x509_cert_not_before", "ssl_cert_not_after", "ssl_verified_cert_not_after", "ssl_ocsp_response_next_update",
		"traefik_tls_certs_not_after", "certmanager_certificate_expiration_timestamp_seconds",
		"certmanager_certificate_renewal_timestamp_seconds", "nginx_ingress_controller_ssl_expire_time_seconds",
		"prometheus_config_last_reload_success_timestamp_seconds", "prometheus_rule_group_last_evaluation_timestamp_seconds",
		"prometheus_tsdb_lowest_timestamp", "prometheus_tsdb_lowest_timestamp_seconds", "prometheus_tsdb_head_max_time",
		"prometheus_tsdb_head_min_time_seconds", "prometheus_remote_storage_highest_timestamp_in_seconds",
		"prometheus_remote_storage_queue_highest_sent_timestamp_seconds", "push_time_seconds", "push_failure_time_seconds",
		"thanos_objstore_bucket_last_successful_upload_time", "redis_rdb_last_save_timestamp_seconds",
		"pg_postmaster_start_time_seconds", "pg_stat_user_tables_last_autovacuum", "mysql_heartbeat_now_timestamp_seconds",
		"velero_backup_last_successful_timestamp", "elasticsearch_snapshot_stats_latest_snapshot_timestamp_seconds",
		"haproxy_process_start_time_seconds", "etcd_debugging_mvcc_db_compaction_last", "batch_last_run_timestamp_ms",
		"start_time_seconds", "last_success_time", "prometheus_sd_file_mtime_seconds", "loki_ring_oldest_member_timestamp",
		"prometheus_tsdb_exemplar_last_exemplars_timestamp_seconds", "windows_system_boot_time_timestamp", "windows_system_system_up_time",
		"kubelet_certificate_manager_server_expiration_seconds",
	}
	no := []string{
		"", "up", "ALERTS", "process_cpu_seconds_total", "http_request_duration_seconds", "http_request_duration_seconds_sum",
		"http_request_time_seconds_total", "node_cpu_seconds_total", "node_timex_offset_seconds", "node_timex_maxerror_seconds",
		"scrape_duration_seconds", "prometheus_rule_group_last_duration_seconds", "kubelet_certificate_manager_client_ttl_seconds",
		"pg_stat_archiver_last_archive_age", "process_uptime_seconds", "rabbitmq_erlang_uptime_seconds", "response_time_seconds",
		"node_memory_MemFree_bytes", "kube_pod_status_ready", "kube_pod_info", "process_start_time_seconds_bucket",
		"process_start_time_seconds_count", "jobs_created_total", "request_time", "node_disk_io_time_seconds_total",
		"probe_duration_seconds", "minio_node_scanner_last_activity_nano_seconds", "go_gc_duration_seconds",
		"prometheus_target_interval_length_seconds", "kube_pod_container_status_restarts_total",
		"pg_stat_user_tables_last_autovacuum_seconds_ago", "apiserver_client_certificate_expiration_seconds_bucket",
		"loki_dataobj_build_time_seconds", "retention_time_seconds", "query_wait_time_seconds", "request_max_time", "prometheus_config_last_reload_successful",
	}
	for _, name := range yes {
		if !rebase.TimeValued(name) {
			t.Errorf("TimeValued(%q) = false, want true", name)
		}
	}
	for _, name := range no {
		if rebase.TimeValued(name) {
			t.Errorf("TimeValued(%q) = true, want false", name)
		}
	}
}

// TestTimeValuedFixtures reads what a Prometheus server, a node and other programs exposed: a value in the range of
// recent times is told to be one, but for the count of bytes that happens to lie there, and no other.
func TestTimeValuedFixtures(t *testing.T) {
	dir := filepath.Join(dataDir(t), "prometheus-text-fixtures")
	times := 0
	for _, name := range []string{"1histogram.om.txt", "alltypes.237mfs.prom.txt", "alltypes.5mfs.om.txt", "metrics-test.prom"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Skipf("no recorded data: %v; set FIREDRILL_DATA", err)
		}
		for l := range strings.Lines(string(b)) {
			series, rest, ok := strings.Cut(strings.TrimSpace(l), " ")
			if i := strings.LastIndexByte(l, '}'); i > 0 {
				series, rest, ok = l[:strings.IndexByte(l, '{')], strings.TrimSpace(l[i+1:]), true
			}
			fields := strings.Fields(rest)
			if !ok || strings.HasPrefix(l, "#") || len(fields) == 0 {
				continue
			}
			v, err := strconv.ParseFloat(fields[0], 64)
			if err != nil {
				t.Fatalf("%s: %q: %v", name, l, err)
			}
			looks := (v > 1.5e9 && v < 1.8e9) || (v > 1.5e12 && v < 1.8e12)
			if looks && strings.Contains(series, "bytes") {
				looks = false
			}
			got := rebase.TimeValued(series)
			if looks != got && v != 0 {
				t.Errorf("%s: TimeValued(%q) = %v, its value is %v", name, series, got, v)
			}
			if looks && got {
				times++
			}
		}
	}
	if times < 10 {
		t.Errorf("only %d values are times", times)
	}
}
