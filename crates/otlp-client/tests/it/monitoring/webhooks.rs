//! What servers do to whoever tells them of alerts.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use otlp_client::monitoring::{AlertRule, AlertSink, Webhook};
use otlp_core::data::{LogData, MetricData, SpanData};
use otlp_exporters::{ExportResult, Exporter, async_trait};
use otlp_reliability::RetryPolicy;
use parking_lot::Mutex;

use super::{
    alerts::{alerts, always, webhook},
    wait_until,
};
use crate::{
    http_server::serve,
    setup::{DEADLINE, builder, spans},
};

/// A server that does the same to each request, once its head is there; and whom it was asked by so far.
fn server(
    act: impl Fn(&mut TcpStream) -> std::io::Result<()> + Send + 'static,
) -> (TcpListener, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let accepting = listener.try_clone().unwrap();
    let (sender, heads) = mpsc::channel();
    thread::spawn(move || {
        for mut stream in accepting.incoming().flatten() {
            let mut head = String::new();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).is_ok_and(|len| len > 0) {}
            // It ends when the client hangs up.
            let _ = act(&mut stream);
            if sender.send(head).is_err() {
                return;
            }
        }
    });
    (listener, heads)
}

/// What is said of the only notice, and how many are lost in the end.
fn told(webhook: Webhook) -> (Vec<String>, u64) {
    let (builder, said) = builder("http://127.0.0.1:1");
    let client = builder.with_alert_rules([always("one")]).with_alert_sink(AlertSink::webhook(webhook));
    let client = client.build_blocking().unwrap();
    let alerts = alerts(&client);
    wait_until("it is said", || alerts.lost_notices() > 0);
    client.shutdown_blocking(DEADLINE);
    let said = said.lock().iter().filter(|line| line.contains("webhook")).cloned().collect();
    (said, alerts.lost_notices())
}

#[test]
fn an_answer_without_end_is_success_and_not_read_and_the_next_notice_goes_out() {
    let bodies: [fn(&mut TcpStream) -> std::io::Result<()>; 2] = [
        |stream| {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n")?;
            loop {
                stream.write_all(&[b'x'; 1 << 16])?;
            }
        },
        |stream| {
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
            loop {
                stream.write_all(b"1\r\nx\r\n")?;
                thread::sleep(Duration::from_millis(5));
            }
        },
    ];
    for body in bodies {
        let (listener, heads) = server(body);
        let client = builder("http://127.0.0.1:1").0.with_alert_rules([always("one"), always("two")]);
        let client = client.with_alert_sink(AlertSink::webhook(webhook(&listener))).build_blocking().unwrap();
        let alerts = alerts(&client);
        // Told by the server once the client has hung up.
        heads.recv_timeout(DEADLINE).unwrap();
        heads.recv_timeout(DEADLINE).unwrap();
        client.shutdown_blocking(DEADLINE);
        assert_eq!(alerts.lost_notices(), 0);
        assert!(heads.try_recv().is_err(), "each notice was sent once");
    }
}

#[test]
fn a_head_without_end_one_that_drips_and_one_that_breaks_off_are_no_answer() {
    let heads: [fn(&mut TcpStream) -> std::io::Result<()>; 4] = [
        |stream| {
            stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
            loop {
                stream.write_all(b"x-more: yes\r\n")?;
            }
        },
        |stream| {
            stream.write_all(b"HTTP/1.1 200 OK\r\nx: ")?;
            loop {
                stream.write_all(b"y")?;
                thread::sleep(Duration::from_millis(5));
            }
        },
        |stream| stream.write_all(b"HTTP/1.1 200"),
        |stream| stream.write_all(b"SSH-2.0-OpenSSH\r\n"),
    ];
    for head in heads {
        let (listener, asked) = server(head);
        let retry = RetryPolicy::new().with_max_attempts(2).with_initial_delay(Duration::from_millis(1));
        let webhook = webhook(&listener).with_timeout(Duration::from_millis(200)).with_retry_policy(retry);
        let (said, lost) = told(webhook);
        assert!(said.len() == 1 && said[0].contains("did not take a notice"), "{said:?}");
        assert!(!said[0].contains("secret") && said[0].len() < 1_000, "{said:?}");
        assert_eq!((lost, asked.iter().take(2).count()), (1, 2), "it was tried again");
    }
}

#[test]
fn nobody_that_a_server_points_to_gets_the_headers() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    for (status, to_itself) in [(301, false), (302, true), (307, false), (308, true)] {
        let place: Arc<Mutex<String>> = Arc::default();
        let points_to = Arc::clone(&place);
        let (listener, asked) = server(move |stream| {
            let location = points_to.lock().clone();
            write!(stream, "HTTP/1.1 {status} Elsewhere\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n")
        });
        let address = if to_itself { &listener } else { &elsewhere }.local_addr().unwrap();
        *place.lock() = format!("http://{address}/hook");
        let (said, lost) = told(webhook(&listener).with_header("authorization", "Bearer secret"));
        assert_eq!((said.len(), lost), (1, 1), "{said:?}");
        assert!(asked.recv_timeout(DEADLINE).unwrap().contains("Bearer secret"));
        assert!(asked.try_recv().is_err(), "it goes round in no circles");
        assert!(elsewhere.accept().is_err(), "nobody else was asked");
    }
}

#[test]
fn a_server_that_is_to_be_asked_with_tls_and_cannot_is_told_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/hook?token=secret", listener.local_addr().unwrap());
    let retry = RetryPolicy::new().with_max_attempts(1);
    let webhook = Webhook::new(url).with_header("x-token", "secret").with_retry_policy(retry);
    let (builder, said) = builder("http://127.0.0.1:1");
    let client = builder.with_alert_rules([always("one")]).with_alert_sink(AlertSink::webhook(webhook));
    let client = match client.build_blocking() {
        Ok(client) => client,
        Err(error) if error.to_string().contains("no root certificates") => {
            eprintln!("skipped: this machine has no root certificates, which is said");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    let alerts = alerts(&client);
    let (mut stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut hello = [0; 5];
    stream.read_exact(&mut hello).unwrap();
    assert_eq!(hello[0], 22, "a handshake, and no request");
    stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    assert!(!String::from_utf8_lossy(&rest).contains("secret"));
    wait_until("it is lost", || alerts.lost_notices() == 1);
    wait_until("it is said", || said.lock().iter().any(|line| line.contains("did not take a notice")));
    assert!(!said.lock().concat().contains("secret"));
}

/// As many rules as there may be, all of which hold.
fn a_thousand() -> Vec<AlertRule> {
    (0..1_000).map(|number| always(&format!("rule {number}"))).collect()
}

#[test]
fn a_thousand_alerts_at_once_arrive_each_before_its_end() {
    let (address, asked) = serve(|_| Some((String::new(), String::new())));
    let webhook = Webhook::new(format!("http://{address}/hook"));
    let client = builder("http://127.0.0.1:1").0.with_alert_rules(a_thousand());
    let client = client.with_alert_sink(AlertSink::webhook(webhook)).build_blocking().unwrap();
    let alerts = alerts(&client);
    let mut states: HashMap<String, Vec<String>> = HashMap::new();
    let mut hear = |count: usize| {
        for _ in 0..count {
            let body: serde_json::Value = serde_json::from_str(&asked.recv_timeout(DEADLINE).unwrap().body).unwrap();
            let of = |field: &str| body[field].as_str().unwrap().to_owned();
            states.entry(of("alert")).or_default().push(of("state"));
        }
    };
    hear(1_000);
    alerts.set_rules([]).unwrap();
    hear(1_000);
    assert_eq!(states.len(), 1_000);
    assert!(states.values().all(|states| *states == ["firing", "resolved"]), "{states:?}");
    assert_eq!(alerts.lost_notices(), 0);
}

#[test]
fn a_thousand_alerts_before_a_server_that_hangs_are_counted_and_said_once() {
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let (builder, said) = builder("http://127.0.0.1:1");
    let client = builder.with_alert_rules(a_thousand());
    let webhook = webhook(&hanging).with_timeout(Duration::from_secs(300));
    let client = client.with_alert_sink(AlertSink::webhook(webhook)).build_blocking().unwrap();
    let alerts = alerts(&client);
    let (_held, _) = hanging.accept().unwrap();
    wait_until("all fire", || alerts.alerts().iter().all(|status| status.firing_for.is_some()));
    alerts.set_rules([]).unwrap();
    // As many wait as may: of those that the server has not heard of, beginning and end are left out.
    wait_until("some are left out", || alerts.lost_notices() > 0);
    client.shutdown_blocking(Duration::from_millis(200));
    wait_until("the end of the alerts", || alerts.lost_notices() == 2_000);
    let count = || said.lock().iter().filter(|line| line.contains("webhook")).count();
    wait_until("both are said", || count() == 2);
}

/// Blocks the thread of the delivery until the test lets it go.
struct Blocks(Mutex<mpsc::Receiver<()>>, mpsc::Sender<()>);

type Answer = Result<ExportResult, Box<dyn std::error::Error + Send + Sync>>;

#[async_trait]
impl Exporter for Blocks {
    async fn export_spans(&self, _: Vec<SpanData>) -> Answer {
        let _ = self.1.send(());
        let _ = self.0.lock().recv();
        Ok(ExportResult::Success)
    }

    async fn export_metrics(&self, _: Vec<MetricData>) -> Answer {
        Ok(ExportResult::Success)
    }

    async fn export_logs(&self, _: Vec<LogData>) -> Answer {
        Ok(ExportResult::Success)
    }
}

#[test]
fn a_shutdown_returns_though_an_exporter_blocks_the_thread_that_was_to_tell_the_rest() {
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let (release, gate) = mpsc::channel();
    let (sender, blocked) = mpsc::channel();
    let webhook = webhook(&hanging).with_timeout(Duration::from_secs(300));
    let client = builder("http://127.0.0.1:1").0.with_alert_rules([always("one")]);
    let client = client
        .with_alert_sink(AlertSink::webhook(webhook))
        .with_custom_exporter(Box::new(Blocks(Mutex::new(gate), sender)))
        .build_blocking()
        .unwrap();
    let _alerts = alerts(&client);
    let (_held, _) = hanging.accept().unwrap();
    spans(&client, 1);
    client.flush_blocking(Duration::ZERO);
    blocked.recv_timeout(DEADLINE).unwrap();
    // An executor without a clock.
    let executor = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let report = executor.block_on(client.shutdown(Duration::from_millis(100)));
    assert!(!report.complete && report.ledgers.iter().all(otlp_batch::Ledger::balances), "{report}");
    drop(release);
}
