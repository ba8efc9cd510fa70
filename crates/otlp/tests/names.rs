//! Every name that users of the facade write, and the test that shows what it does. A name without a test has no place in
//! the facade; a test that is renamed or taken away is missed here.

use std::{collections::BTreeSet, fs, path::Path};

/// A file below the root of the workspace; the tests in it; the names whose effect each shows.
type Shown = (&'static str, &'static [(&'static str, &'static [&'static str])]);

const SHOWN: &[Shown] = &[
    (
        "crates/otlp-client/tests/it/backends.rs",
        &[
            ("an_endpoint_that_is_no_url_is_refused_when_the_client_is_built", &["with_endpoint"]),
            ("a_flush_wakes_a_retry_that_waits", &["flush", "flush_blocking"]),
        ],
    ),
    (
        "crates/otlp-client/tests/it/runtimes.rs",
        &[
            ("no_runtime_at_all", &["build_blocking", "shutdown_blocking"]),
            ("clones_in_64_threads", &["EnhancedOtlpClient: Clone + Send + Sync"]),
            ("a_shutdown_keeps_its_deadline", &["shutdown"]),
            ("a_drop_outside_of_a_runtime_delivers", &["with_drop_deadline"]),
        ],
    ),
    (
        "crates/otlp-client/tests/it/config/effects.rs",
        &[
            (
                "name_version_and_environment_are_in_the_resource",
                &["service_name", "service_version", "environment", "with_service_name"],
            ),
            (
                "protocol_and_compression_are_those_of_the_requests",
                &[
                    "TransportConfig",
                    "TransportProtocol",
                    "with_grpc_transport",
                    "with_http_transport",
                    "with_http_json_transport",
                    "with_compression",
                ],
            ),
            ("the_token_is_on_every_request_also_if_a_file_has_it", &["enable_authentication", "auth_token"]),
            ("batches_close_as_the_configuration_says", &["BatchConfig", "max_batch_size", "batch_timeout"]),
            ("only_failures_in_the_list_are_repeated", &["retryable_errors", "ErrorType"]),
            ("attempts_are_as_many_as_the_configuration_says", &["RetryConfig", "with_retry_config", "max_attempts"]),
            ("an_attempt_takes_no_longer_than_the_request_timeout", &["ConnectionConfig", "request_timeout"]),
            ("metrics_are_sent_at_the_interval_of_the_configuration", &["metrics_export_interval"]),
            ("messages_below_the_level_are_not_said_and_what_is_set_in_vain_is", &["log_level"]),
            ("a_key_encrypts_the_disk_queue", &["enable_encryption", "encryption_key"]),
            ("a_key_that_can_encrypt_nothing_is_refused_with_the_reason", &["encryption_key without a disk queue"]),
            ("plaintext_is_refused_also_for_the_endpoint_of_one_signal", &["enable_encryption and plaintext"]),
            ("files_of_certificates_that_are_missing_are_named", &["TlsConfig"]),
            ("what_is_set_after_the_configuration_beats_it_and_the_first_refusal_is_told", &["with_production_config"]),
            ("the_parts_beside_production_act", &["ClientConfig", "with_client_config"]),
        ],
    ),
    (
        "crates/otlp-client/tests/it/config/files.rs",
        &[
            ("every_field_is_read_as_people_write_it", &["from_yaml_str", "from_yaml_file"]),
            ("what_is_written_reads_back_as_the_same", &["to_yaml", "to_yaml_file"]),
        ],
    ),
    (
        "crates/otlp-client/tests/it/config/reload.rs",
        &[("what_cannot_change_is_named_until_it_is_as_it_was", &["reload"])],
    ),
    ("crates/otlp-client/tests/it/config/secrets.rs", &[("no_error_shows_a_secret", &["${ENV}", "${file:…}"])]),
    (
        "crates/otlp-client/tests/it/connections.rs",
        &[
            (
                "the_minimum_is_open_before_anything_is_recorded_and_serves_what_is",
                &["with_connection_pool_config", "min_connections"],
            ),
            (
                "without_a_minimum_a_connection_is_opened_for_the_first_request_and_closed_when_it_is_idle",
                &["idle_timeout"],
            ),
            ("idle_connections_are_pinged_if_that_is_asked_for", &["keep_alive_timeout", "with_keep_alive_pings"]),
            ("idle_connections_beyond_their_number_are_closed", &["max_idle_connections"]),
            ("a_bearer_token_goes_with_each_request_and_is_warned_of_in_plaintext", &["with_bearer_token"]),
            ("a_token_that_is_replaced_in_its_file_delivers_what_the_old_one_did_not", &["with_bearer_token_file"]),
            ("a_hook_that_fails_at_first_loses_nothing_and_is_asked_again_after_a_refusal", &["with_auth"]),
        ],
    ),
    (
        "crates/otlp-transport/tests/it/pool.rs",
        &[
            ("a_request_beyond_the_maximum_waits_for_a_connection", &["max_connections"]),
            (
                "a_request_that_waits_for_a_connection_does_so_within_its_time",
                &["connection_timeout", "connect_timeout"],
            ),
            ("without_keep_alive_each_http1_request_has_a_connection_and_says_so", &["keep_alive"]),
            ("http2_pings_if_it_is_to_keep_connections_alive", &["ConnectionPoolConfig"]),
        ],
    ),
    (
        "crates/otlp-transport/tests/it/rotation.rs",
        &[("a_rotated_authority_and_identity_serve_the_next_connection", &["TlsOptions", "with_tls"])],
    ),
    (
        "crates/otlp-client/tests/it/batches.rs",
        &[
            (
                "each_strategy_makes_other_requests_of_the_same_spans",
                &["with_batch_config", "strategy", "BatchStrategy"],
            ),
            ("a_request_stays_within_its_bytes", &["with_batch_limits", "BatchLimits"]),
            ("the_memory_pool_is_as_large_as_it_is_told_and_says_so", &["with_memory_pool_config"]),
            ("the_same_arrives_with_and_without_copies", &["with_zero_copy_enabled"]),
        ],
    ),
    (
        "crates/otlp-batch/tests/it/memory.rs",
        &[(
            "the_pool_starts_grows_stops_and_shrinks_as_it_is_told",
            &["MemoryPoolConfig", "initial_size", "max_size", "chunk_size", "growth_factor", "gc_threshold"],
        )],
    ),
    ("crates/otlp-batch/tests/it/limits.rs", &[("drop_newest_keeps_what_came_first", &["max_queue_size", "OnFull"])]),
    (
        "crates/otlp-client/tests/it/disk.rs",
        &[(
            "a_program_that_ends_while_its_backend_is_down_is_delivered_by_its_next_run",
            &["with_disk_queue", "persist"],
        )],
    ),
    (
        "crates/otlp-client/tests/it/discovery.rs",
        &[
            ("each_of_several_receivers_gets_its_turn", &["with_endpoints", "LoadBalancingStrategy::RoundRobin"]),
            ("weights_are_shares", &["LoadBalancingStrategy::Weighted"]),
            ("the_same_trace_goes_to_the_same_receiver_under_rendezvous", &["with_load_balancer", "LoadBalancer"]),
            (
                "receivers_that_come_and_go_lose_nothing_and_do_not_reconnect_the_rest",
                &["with_service_discovery", "ServiceDiscovery", "with_receiver_service"],
            ),
            ("discovery_without_a_receiver_service_serves_the_program_alone", &["service_discovery"]),
        ],
    ),
    (
        "crates/otlp-discovery/src/pool/tests.rs",
        &[("an_endpoint_that_fails_its_checks_gets_nothing_until_it_passes_one", &["with_health_check_interval"])],
    ),
    (
        "crates/otlp-discovery/src/balance/tests.rs",
        &[
            ("random_gives_each_the_same_chance", &["LoadBalancingStrategy::Random"]),
            ("the_less_loaded_of_two_is_taken_and_loads_even_out", &["LoadBalancingStrategy::LeastLoaded"]),
            ("when_one_leaves_only_its_keys_move", &["LoadBalancingStrategy::Rendezvous", "with_strategy"]),
        ],
    ),
    (
        "crates/otlp-discovery/tests/it/consul/recorded.rs",
        &[
            ("instances_come_and_go_with_the_index", &["with_consul_endpoint"]),
            ("an_entry_that_was_forgotten_is_made_again_and_taken_out_in_the_end", &["with_service_registry"]),
        ],
    ),
    (
        "crates/otlp-client/tests/it/policies.rs",
        &[(
            "the_registry_of_the_process_lists_the_policies_by_name_if_it_is_wanted_and_there_is_one",
            &["with_reliability_framework_integration"],
        )],
    ),
    (
        "crates/otlp-client/tests/it/variables.rs",
        &[("propagation_is_switched_off_and_chosen_in_code", &["with_trace_context_propagation", "inject", "extract"])],
    ),
    (
        "crates/otlp-client/tests/it/logging.rs",
        &[
            (
                "standard_error_gets_a_line_of_text_or_an_object_of_json_per_message",
                &["LoggingConfig", "LogLevel", "log_format", "LogFormat"],
            ),
            ("without_structure_records_arrive_as_text", &["enable_structured_logging"]),
            ("identical_records_arrive_as_one_with_a_count_if_asked_for", &["enable_log_aggregation"]),
        ],
    ),
    (
        "crates/otlp-client/tests/it/monitoring/figures.rs",
        &[(
            "once_started_it_knows_rates_and_recent_latencies_and_forgets_them_when_stopped",
            &["get_performance_monitor", "PerformanceMonitor::start"],
        )],
    ),
    (
        "crates/otlp-client/tests/it/monitoring/endpoint.rs",
        &[
            ("a_healthy_client_answers_at_its_paths_and_nowhere_else", &["health_check_endpoint", "MonitoringConfig"]),
            ("without_an_endpoint_the_checks_run_where_they_are_started", &["get_health_checker"]),
        ],
    ),
    (
        "crates/otlp-client/tests/it/monitoring/alerts.rs",
        &[(
            "an_endpoint_that_goes_down_and_comes_back_fires_and_is_resolved",
            &["get_alert_manager", "AlertManager::start"],
        )],
    ),
    (
        "crates/otlp-client/tests/it/monitoring/own_metrics.rs",
        &[
            ("the_pipeline_reports_what_it_exported_by_the_names_of_the_conventions", &["enable_performance_metrics"]),
            ("the_process_reports_itself", &["enable_resource_metrics"]),
            ("the_programs_metrics_can_be_switched_off", &["enable_custom_metrics", "with_custom_metrics_enabled"]),
        ],
    ),
    (
        "crates/otlp-exporters/tests/it/custom.rs",
        &[
            ("success_is_delivered", &["with_custom_exporter", "Exporter", "ExportResult::Success"]),
            ("a_partial_success_rejects_and_is_not_repeated", &["ExportResult::PartialSuccess"]),
            ("a_failure_is_final", &["ExportResult::Failure"]),
            ("a_retry_and_an_error_are_repeated_with_the_same_items", &["ExportResult::Retry", "SpanData"]),
            ("metrics_and_logs_arrive_as_owned_data", &["MetricData", "LogData"]),
        ],
    ),
    (
        "crates/otlp-sdk/tests/it/spans.rs",
        &[
            ("a_root_has_new_ids_its_kind_times_and_scope", &["tracer", "start", "start_with_kind", "SpanKind"]),
            ("a_remote_parent_gives_trace_state_and_flags", &["start_with_context", "TraceContext"]),
            ("a_span_ends_once_and_then_takes_no_more", &["end"]),
            ("the_status_ranks_ok_above_error_above_unset", &["set_status", "StatusCode"]),
            ("an_error_becomes_an_exception_event_and_no_status", &["record_error"]),
            ("events_keep_their_order_time_and_unique_keys", &["add_event"]),
            ("links_without_content_are_ignored_and_others_kept", &["add_link"]),
        ],
    ),
    (
        "crates/otlp-sdk/tests/it/values.rs",
        &[("every_type_of_value_arrives_as_its_official_type", &["set_attribute", "Value"])],
    ),
    (
        "crates/otlp-sdk/tests/it/context.rs",
        &[("futures_carry_their_span_over_awaits_and_tasks_on_several_threads", &["context"])],
    ),
    ("crates/otlp-sdk/tests/it/logs.rs", &[("a_record_has_its_scope_severity_times_body_and_attributes", &["logger"])]),
    (
        "crates/otlp-sdk/tests/metrics/attributes.rs",
        &[("every_form_of_the_same_attributes_is_the_same_series", &["add", "record", "HashMap<String, Value>"])],
    ),
    (
        "crates/otlp-sdk/tests/metrics/pipeline.rs",
        &[("a_flush_delivers_every_point_and_the_ledger_counts_points", &["meter", "u64_counter"])],
    ),
    ("crates/otlp-sdk/src/metrics/atomic_f64.rs", &[("additions_of_many_threads_all_arrive", &["AtomicF64"])]),
    (
        "crates/otlp-reliability/tests/it/seed.rs",
        &[
            (
                "policies_nest_around_a_call_as_closures_and_the_registry_shows_them",
                &[
                    "reliability::init",
                    "reliability::get_metrics",
                    "reliability::shutdown",
                    "execute_with_retry",
                    "RetryPolicy",
                    "Timeout",
                    "Bulkhead",
                    "UnifiedError",
                ],
            ),
            ("an_outage_opens_the_breaker_and_the_calls_after_it_close_it", &["CircuitBreaker"]),
            ("dependencies_are_watched", &["HealthChecker", "add_check", "get_health_status"]),
        ],
    ),
];

#[test]
fn each_name_has_a_test_that_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut names = BTreeSet::new();
    for (file, tests) in SHOWN {
        let text = fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        for (test, shows) in *tests {
            let attribute = text.split(&format!("fn {test}(")).next().filter(|before| before.len() < text.len());
            let attribute = attribute.unwrap_or_else(|| panic!("{file} has no {test}")).trim_end();
            let is_test = attribute.rsplit("\n\n").next().is_some_and(|item| item.contains("test"));
            assert!(is_test, "{test} in {file} is no test");
            for name in *shows {
                assert!(names.insert(*name), "{name} is listed twice");
            }
        }
    }
    assert!(names.len() >= 100, "{} names", names.len());
}

#[test]
fn each_topic_has_a_program() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/examples");
    for topic in [
        "microservices",
        "distributed_tracing",
        "metrics",
        "custom_exporter",
        "performance",
        "reliability",
        "production",
    ] {
        assert!(examples.join(format!("{topic}.rs")).is_file(), "{topic}");
    }
}
