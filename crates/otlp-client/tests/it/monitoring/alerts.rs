//! Alerts, from a figure to whoever hears of it.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use otlp_client::{
    EnhancedOtlpClient,
    monitoring::{
        AlertManager, AlertMetric, AlertNotice, AlertRule, AlertSeverity, AlertSink, AlertState, Comparison,
        MonitoringError, Webhook,
    },
};
use otlp_reliability::{CircuitBreakerConfig, RetryPolicy};

use super::wait_until;
use crate::setup::{DEADLINE, builder, client, receiver, spans};

fn on_a_runtime<T>(act: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(act)
}

pub(super) fn alerts(client: &EnhancedOtlpClient) -> AlertManager {
    let alerts = on_a_runtime(client.get_alert_manager()).unwrap();
    on_a_runtime(alerts.start()).unwrap();
    alerts
}

/// Always true, so that it fires at the first look.
pub(super) fn always(name: &str) -> AlertRule {
    AlertRule::new(name, AlertMetric::PendingItems, Comparison::AtLeast, 0.0)
}

/// Notices as a channel.
fn heard() -> (AlertSink, mpsc::Receiver<AlertNotice>) {
    let (sender, receiver) = mpsc::channel();
    (AlertSink::callback(move |notice| drop(sender.send(notice.clone()))), receiver)
}

#[test]
fn an_endpoint_that_goes_down_and_comes_back_fires_and_is_resolved() {
    let receiver = receiver();
    let breaker = CircuitBreakerConfig::new()
        .with_failure_rate(None)
        .with_consecutive_failures(1)
        .with_half_open_probes(1)
        .with_break_duration(Duration::from_secs(3600));
    let rule = AlertRule::new("down", AlertMetric::EndpointsDown, Comparison::Above, 0.0)
        .with_severity(AlertSeverity::Critical);
    let (sink, notices) = heard();
    let (builder, said) = builder(receiver.grpc_endpoint());
    let client = builder
        .with_grpc_transport()
        .with_circuit_breaker(breaker)
        .with_alert_rules([rule])
        .with_alert_sink(AlertSink::log())
        .with_alert_sink(sink)
        .build_blocking()
        .unwrap();
    let alerts = alerts(&client);
    receiver.kill_blocking();
    spans(&client, 1);
    client.flush_blocking(Duration::ZERO);
    let fired = notices.recv_timeout(DEADLINE).unwrap();
    assert_eq!((fired.name(), fired.state, fired.value), ("down", AlertState::Firing, Some(1.0)));
    assert_eq!(alerts.alerts()[0].state, AlertState::Firing);
    receiver.restart_blocking().unwrap();
    wait_until("the endpoint works again", || client.flush_blocking(Duration::from_millis(50)).complete);
    let over = notices.recv_timeout(DEADLINE).unwrap();
    assert!(over.is_resolved() && over.fired_for > Duration::ZERO, "{over}");
    let said: Vec<String> = said.lock().iter().filter(|line| line.contains("alert")).cloned().collect();
    assert!(said[0].starts_with("otlp: error: alert \"down\" (critical) is firing"), "{said:?}");
    assert!(said[1].starts_with("otlp: info: alert \"down\" (critical) is resolved"), "{said:?}");
}

#[test]
fn each_metric_can_be_watched() {
    use AlertMetric::*;
    let receiver = receiver();
    let client = client(&receiver);
    let alerts = alerts(&client);
    let all = [
        DroppedItems,
        RejectedItems,
        QueueUtilization,
        MemoryUtilization,
        PendingItems,
        EndpointsDown,
        DiskQueuesDegraded,
        AttemptFailureRatio,
        AttemptLatencyP50,
        AttemptLatencyP95,
        AttemptLatencyP99,
        AcceptedPerSecond,
        DeliveredPerSecond,
    ];
    alerts.set_rules(all.map(|metric| AlertRule::new(metric.name(), metric, Comparison::AtLeast, 0.0))).unwrap();
    let monitor = on_a_runtime(client.get_performance_monitor()).unwrap();
    wait_until("a first sample", || monitor.snapshot().sampled_for.is_some());
    spans(&client, 50);
    assert!(client.flush_blocking(DEADLINE).complete);
    wait_until("all are known", || alerts.alerts().iter().all(|status| status.value.is_some()));
    let value = |metric: AlertMetric| {
        alerts.alerts().into_iter().find(|status| status.rule.metric() == metric).and_then(|status| status.value)
    };
    assert_eq!(
        (value(DroppedItems), value(AttemptFailureRatio), value(EndpointsDown)),
        (Some(0.0), Some(0.0), Some(0.0))
    );
    wait_until("items per second", || value(AcceptedPerSecond) > Some(0.0) && value(DeliveredPerSecond) > Some(0.0));
    assert!(value(AttemptLatencyP99) >= value(AttemptLatencyP50) && value(AttemptLatencyP50) > Some(0.0));
}

#[test]
fn drops_fire_the_default_rules() {
    let config = otlp_batch::BatchConfig { max_batch_size: 10, max_queue_size: 10, ..Default::default() };
    let (sink, notices) = heard();
    let client =
        builder("http://127.0.0.1:1").0.with_batch_config(config).with_alert_sink(sink).build_blocking().unwrap();
    let alerts = alerts(&client);
    let monitor = on_a_runtime(client.get_performance_monitor()).unwrap();
    wait_until("a first sample", || monitor.snapshot().sampled_for.is_some());
    for _ in 0..100 {
        spans(&client, 1);
        client.flush_blocking(Duration::ZERO);
    }
    let fired = notices.recv_timeout(DEADLINE).unwrap();
    assert_eq!((fired.name(), fired.severity()), ("telemetry dropped", AlertSeverity::Critical));
    assert!(fired.value > Some(0.0));
    assert_eq!(alerts.rules().len(), 4);
}

#[test]
fn rules_are_replaced_while_they_are_watched_and_bad_ones_change_nothing() {
    let (sink, notices) = heard();
    let client = builder("http://127.0.0.1:1").0.with_alert_rules([always("one")]).with_alert_sink(sink);
    let client = client.build_blocking().unwrap();
    let alerts = alerts(&client);
    assert_eq!(notices.recv_timeout(DEADLINE).unwrap().name(), "one");
    let bad = AlertRule::new("bad", AlertMetric::PendingItems, Comparison::Above, f64::INFINITY);
    let error = alerts.set_rules([always("two"), bad]).unwrap_err();
    assert!(matches!(&error, MonitoringError::Rule { rule, .. } if rule == "bad"), "{error}");
    assert_eq!(alerts.rules(), [always("one")]);
    alerts.set_rules([always("two")]).unwrap();
    let mut heard = [notices.recv_timeout(DEADLINE).unwrap(), notices.recv_timeout(DEADLINE).unwrap()];
    heard.sort_by(|one, other| one.name().cmp(other.name()));
    assert!(heard[0].name() == "one" && heard[0].is_resolved(), "{heard:?}");
    assert!(heard[1].name() == "two" && !heard[1].is_resolved(), "{heard:?}");
    alerts.stop();
    assert!(!alerts.is_running());
    on_a_runtime(alerts.start()).unwrap();
    assert_eq!(notices.recv_timeout(DEADLINE).unwrap().name(), "two", "it fires anew");
    client.shutdown_blocking(DEADLINE);
    assert!(matches!(on_a_runtime(alerts.start()), Err(MonitoringError::ShutDown)));
    assert!(!alerts.is_running());
}

#[test]
fn a_callback_that_panics_hurts_nobody() {
    let (sink, notices) = heard();
    let (builder, said) = builder("http://127.0.0.1:1");
    let client = builder
        .with_alert_rules([always("one")])
        .with_alert_sink(AlertSink::callback(|_| panic!("scripted")))
        .with_alert_sink(sink)
        .build_blocking()
        .unwrap();
    let _alerts = alerts(&client);
    assert_eq!(notices.recv_timeout(DEADLINE).unwrap().name(), "one");
    assert!(said.lock().iter().any(|line| line.contains("a callback of the alerts panicked")), "{said:?}");
}

#[test]
fn rules_and_webhooks_that_cannot_work_are_errors_of_the_build() {
    let bad = AlertRule::new("bad", AlertMetric::PendingItems, Comparison::Above, f64::NAN);
    let error = builder("http://127.0.0.1:1").0.with_alert_rules([bad]).build_blocking().unwrap_err().to_string();
    assert_eq!(error, "alert rule \"bad\": threshold is NaN, but takes a finite number");
    let sink = AlertSink::webhook(Webhook::new("gopher://example.com/secret"));
    let error = builder("http://127.0.0.1:1").0.with_alert_sink(sink).build_blocking().unwrap_err().to_string();
    assert!(error.contains("gopher") && error.contains("http://") && !error.contains("secret"), "{error}");
}

/// A request as an HTTP server got it.
#[derive(Debug)]
struct Posted {
    head: String,
    body: serde_json::Value,
}

/// Reads a request, and answers it.
fn answer(stream: TcpStream, answer: &str) -> Posted {
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).unwrap() > 0, "{head}");
    }
    let head = head.to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let stream = reader.get_mut();
    write!(stream, "HTTP/1.1 {answer}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n").unwrap();
    Posted { head, body: serde_json::from_slice(&body).unwrap() }
}

pub(super) fn webhook(listener: &TcpListener) -> Webhook {
    let retry = RetryPolicy::new().with_max_attempts(5).with_initial_delay(Duration::from_millis(1));
    let url = format!("http://{}/hook?token=secret", listener.local_addr().unwrap());
    Webhook::new(url).with_header("x-token", "secret").with_retry_policy(retry)
}

#[test]
fn a_webhook_that_fails_twice_gets_the_notice_once_it_works() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let rule = always("one").with_severity(AlertSeverity::Info).with_summary("say \"so\"");
    let client = builder("http://127.0.0.1:1").0.with_alert_rules([rule]);
    let client = client.with_alert_sink(AlertSink::webhook(webhook(&listener))).build_blocking().unwrap();
    let alerts = alerts(&client);
    let posted =
        ["500 Oh", "503 Wait\r\nretry-after: 0", "204 Done"].map(|status| answer(listener.accept().unwrap().0, status));
    assert_eq!(posted[0].body, posted[1].body);
    assert_eq!(posted[0].body, posted[2].body, "the same notice each time");
    let Posted { head, body } = &posted[2];
    assert!(head.starts_with("post /hook?token=secret http/1.1"), "{head}");
    assert!(head.contains("x-token: secret") && head.contains("content-type: application/json"), "{head}");
    assert_eq!(body["alert"], "one");
    assert_eq!(body["state"], "firing");
    assert_eq!(body["severity"], "info");
    assert_eq!(body["summary"], "say \"so\"");
    assert_eq!(body["condition"], "pending_items >= 0");
    assert_eq!(body["metric"], "pending_items");
    assert_eq!((&body["value"], &body["threshold"]), (&0.0.into(), &0.0.into()));
    assert_eq!(body["service"], "test");
    assert_eq!(body["id"].as_str().unwrap().len(), 32);
    assert!(body["timeUnixNano"].as_str().unwrap().parse::<u64>().unwrap() > 1_600_000_000_000_000_000);

    alerts.set_rules([]).unwrap();
    let over = answer(listener.accept().unwrap().0, "200 OK").body;
    assert_eq!((&over["state"], &over["value"]), (&"resolved".into(), &serde_json::Value::Null));
    assert_ne!(over["id"], body["id"]);
}

#[test]
fn a_webhook_that_refuses_is_not_asked_again_and_that_is_said() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (builder, said) = builder("http://127.0.0.1:1");
    let client = builder.with_alert_rules([always("one")]);
    let client = client.with_alert_sink(AlertSink::webhook(webhook(&listener))).build_blocking().unwrap();
    let _alerts = alerts(&client);
    answer(listener.accept().unwrap().0, "302 Elsewhere\r\nlocation: /other");
    wait_until("it is said", || said.lock().iter().any(|line| line.contains("did not take a notice")));
    let said = said.lock();
    let line = said.iter().find(|line| line.contains("did not take")).unwrap();
    let host = listener.local_addr().unwrap();
    assert!(
        line.contains(&format!("the alert webhook http://{host} did not take a notice: it answered 302")),
        "{line}"
    );
    assert!(!line.contains("secret"), "{line}");
}

#[test]
fn a_webhook_that_hangs_holds_up_neither_others_nor_the_delivery() {
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let working = TcpListener::bind("127.0.0.1:0").unwrap();
    let receiver = receiver();
    let client = builder(receiver.grpc_endpoint())
        .0
        .with_grpc_transport()
        .with_alert_rules([always("one")])
        .with_alert_sink(AlertSink::webhook(webhook(&hanging).with_timeout(Duration::from_secs(300))))
        .with_alert_sink(AlertSink::webhook(webhook(&working)))
        .build_blocking()
        .unwrap();
    let _alerts = alerts(&client);
    let (_held, _) = hanging.accept().unwrap();
    assert_eq!(answer(working.accept().unwrap().0, "200 OK").body["alert"], "one");
    spans(&client, 10);
    assert!(client.shutdown_blocking(DEADLINE).complete);
    let shared: Arc<_> = receiver.store().spans().into_iter().next().unwrap();
    assert_eq!(shared.name, "work");
}

#[test]
fn a_shutdown_sends_the_notices_that_wait_for_another_attempt() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let retry = RetryPolicy::constant(Duration::from_secs(3600)).with_max_attempts(5);
    let client = builder("http://127.0.0.1:1").0.with_alert_rules([always("one")]);
    let webhook = webhook(&listener).with_retry_policy(retry);
    let client = client.with_alert_sink(AlertSink::webhook(webhook)).build_blocking().unwrap();
    let alerts = alerts(&client);
    answer(listener.accept().unwrap().0, "503 Wait\r\nretry-after: 60");
    alerts.set_rules([]).unwrap();
    let answering = thread::spawn(move || [(); 2].map(|()| answer(listener.accept().unwrap().0, "200 OK").body));
    client.shutdown_blocking(DEADLINE);
    let [fired, resolved] = answering.join().unwrap();
    assert_eq!((&fired["state"], &resolved["state"]), (&"firing".into(), &"resolved".into()));
    assert_eq!(alerts.lost_notices(), 0);
}

#[test]
fn notices_that_a_webhook_has_not_taken_at_the_end_are_counted_and_said() {
    for is_shut_down in [true, false] {
        let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
        let (builder, said) = builder("http://127.0.0.1:1");
        let webhook = webhook(&hanging).with_timeout(Duration::from_secs(300));
        let client = builder
            .with_alert_rules([always("one"), always("two")])
            .with_alert_sink(AlertSink::webhook(webhook))
            .with_drop_deadline(Duration::from_millis(10))
            .build_blocking()
            .unwrap();
        let alerts = alerts(&client);
        let (_held, _) = hanging.accept().unwrap();
        if is_shut_down {
            client.shutdown_blocking(Duration::from_millis(400));
        }
        drop(client);
        wait_until("the end of the alerts", || alerts.lost_notices() > 0);
        assert_eq!(alerts.lost_notices(), 2);
        let expected = format!(
            "the webhook http://{} had taken everything: it did not get 2 notices",
            hanging.local_addr().unwrap()
        );
        wait_until("what is said", || said.lock().iter().any(|line| line.contains(&expected)));
    }
}
