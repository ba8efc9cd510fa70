//! The course of a demo, disturbed and undisturbed.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
};

use crate::program::Program;
#[cfg(unix)]
use crate::program::signal;

/// The number in the first column of the row of this name.
fn spans(output: &str, row: &str) -> u64 {
    let line = output.lines().find(|line| line.trim_start().starts_with(row));
    let cells = line.and_then(|line| line.trim_start().strip_prefix(row));
    cells.and_then(|cells| cells.split_whitespace().next()?.parse().ok()).unwrap_or_else(|| panic!("{row}:\n{output}"))
}

#[test]
fn a_run_with_every_fault_balances_item_by_item() {
    let (status, output) = Program::start(&["demo", "--seconds", "4", "--rate", "15"]).finish();
    assert!(status.success(), "{output}");
    let troubles = [
        "are unavailable",
        "throttle and",
        "are slow",
        "reject a tenth",
        "reset the connection",
        "receiver 2 is killed",
        "receiver 2 is back",
        "the receivers are killed",
    ];
    for trouble in troubles {
        assert!(output.contains(trouble), "{trouble}:\n{output}");
    }
    assert!(output.contains("items agree, one by one"), "{output}");
    assert!(output.contains("ledgers of 5 services"), "{output}");
    assert!(output.contains("notification is killed (kill -9)"), "{output}");
    assert!(output.contains("notification was killed once"), "{output}");
    assert!(output.contains("notification is started again"), "{output}");
    assert!(spans(&output, "accepted") > 100, "{output}");
    assert_eq!(spans(&output, "delivered"), spans(&output, "stored, each once"), "{output}");
    for receiver in ["stored by receiver 1", "stored by receiver 2"] {
        assert!(spans(&output, receiver) > 30, "{output}");
    }
    assert_eq!(spans(&output, "pending"), 0, "{output}");

    let tree = output.split("one request, trace").nth(1).and_then(|rest| rest.split("\n\n").next());
    let tree = tree.unwrap_or_else(|| panic!("no tree:\n{output}"));
    for service in ["api-gateway", "order", "user", "payment", "notification"] {
        assert!(tree.contains(service), "{service}:\n{output}");
    }
}

#[cfg(unix)]
#[test]
fn a_service_that_is_killed_is_named_and_the_rest_ends_with_the_ledger() {
    let mut demo = Program::start(&["demo", "--seconds", "4", "--rate", "15"]);
    let line = demo.wait_for("payment       pid");
    let process = line.split_whitespace().nth(2).and_then(|id| id.parse().ok()).unwrap_or_else(|| panic!("{line}"));
    demo.wait_for("are unavailable");
    signal("KILL", process);
    let (status, output) = demo.finish();
    assert_eq!(status.code(), Some(1), "{output}");
    assert!(output.contains("payment died (signal: 9 (SIGKILL)); its ledger died with it"), "{output}");
    assert!(output.contains("UNKNOWN    payment died"), "{output}");
    assert!(output.contains("ledgers of 4 services"), "{output}");
    assert!(output.contains("items of the other services agree, one by one"), "{output}");
    assert!(!output.contains("DIFFERENT"), "{output}");
}

#[cfg(unix)]
#[test]
fn an_interrupt_in_the_middle_of_a_fault_ends_in_order() {
    let mut demo = Program::start(&["demo", "--rate", "15"]);
    demo.wait_for("are unavailable");
    signal("INT", demo.id());
    let (status, output) = demo.finish();
    assert!(status.success(), "{output}");
    assert!(output.contains("interrupted: no new purchases"), "{output}");
    assert!(output.contains("ledgers of 5 services") && output.contains("items agree, one by one"), "{output}");
}

#[cfg(unix)]
#[test]
fn an_interrupt_before_the_services_are_there_ends_with_the_ledger() {
    let mut demo = Program::start(&["demo"]);
    demo.wait_for("OTLP receiver 1 listens");
    signal("INT", demo.id());
    let (status, output) = demo.finish();
    assert!(status.success(), "{output}");
    assert!(output.contains("ledgers of 5 services"), "{output}");
}

#[test]
fn a_gateway_port_that_is_taken_is_said_and_another_one_used() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (status, output) = Program::start(&["demo", "--seconds", "1", "--gateway-port", &port]).finish();
    assert!(status.success(), "{output}");
    assert!(output.contains(&format!("cannot listen on port {port}")), "{output}");
    assert!(output.contains("items agree, one by one"), "{output}");
}

#[test]
fn with_a_backend_of_the_readers_own_the_ledger_alone_decides() {
    let receiver = otlp_receiver::Receiver::builder().start_blocking().unwrap();
    let endpoint = receiver.http_endpoint();
    let (status, output) = Program::start(&["demo", "--seconds", "1", "--endpoint", &endpoint]).finish();
    assert!(status.success(), "{output}");
    assert!(output.contains("There is no receiver here to compare with"), "{output}");
    let arrived = receiver.store().count(otlp::Signal::Traces);
    assert_eq!(spans(&output, "delivered"), arrived, "{output}");
    assert!(arrived > 0);
}

#[test]
fn a_dead_backend_of_the_readers_own_is_a_failure_with_its_reason() {
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let endpoint = format!("http://{unused}");
    let (status, output) = Program::start(&["demo", "--seconds", "1", "--endpoint", &endpoint]).finish();
    assert_eq!(status.code(), Some(1), "{output}");
    assert!(output.contains("items did not arrive"), "{output}");
    assert_eq!(spans(&output, "accepted"), spans(&output, "dropped"), "{output}");
}

#[cfg(target_os = "linux")]
#[test]
fn output_onto_a_full_disk_is_said_and_the_ledger_still_comes() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_otlp"))
        .args(["demo", "--seconds", "1"])
        .stdin(std::process::Stdio::null())
        .stdout(full)
        .stderr(std::process::Stdio::piped())
        .output()
        .unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("cannot write to standard output: No space left on device"), "{errors}");
    assert!(errors.contains("ledgers of 5 services"), "{errors}");
}

/// Posts a span of this service, again until there is an answer that says so.
fn forge_span(endpoint: &str, service: &str) {
    let span = r#"{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","name":"forged"}"#;
    let resource = format!(r#"{{"attributes":[{{"key":"service.name","value":{{"stringValue":"{service}"}}}}]}}"#);
    let body = format!(r#"{{"resourceSpans":[{{"resource":{resource},"scopeSpans":[{{"spans":[{span}]}}]}}]}}"#);
    let host = endpoint.trim_start_matches("http://");
    let request = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{body}",
        body.len()
    );
    let post = || -> std::io::Result<String> {
        let mut connection = TcpStream::connect(host)?;
        connection.write_all(request.as_bytes())?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer)?;
        Ok(answer)
    };
    while !post().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200")) {}
}

/// Runs a demo whose receiver gets a span that none of the services made.
fn run_with_forged_span(service: &str) -> (std::process::ExitStatus, String) {
    let mut demo = Program::start(&["demo", "--seconds", "2"]);
    let line = demo.wait_for("OTLP receiver 1 listens");
    let endpoint = line.split(" and ").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap().to_owned();
    forge_span(&endpoint, service);
    demo.finish()
}

#[test]
fn an_item_that_nobody_claims_is_named_and_fails_the_run() {
    let (status, output) = run_with_forged_span("order");
    assert_eq!(status.code(), Some(1), "{output}");
    let named = "DIFFERENT  order, spans: at the receiver, but nobody claims to have sent them: \
                 5b8efff798038103d269b633813fc60c/eee19b7ec3c1b174";
    assert!(output.contains(named), "{output}");
    assert!(output.contains("do NOT agree"), "{output}");
}

#[test]
fn an_item_of_another_program_is_said_and_does_no_harm() {
    let (status, output) = run_with_forged_span("somebody-else");
    assert!(status.success(), "{output}");
    assert!(output.contains("1 items of other programs are at the receiver"), "{output}");
}

#[test]
fn an_endpoint_that_is_none_is_said_once_and_nothing_begins() {
    let (status, output) = Program::start(&["demo", "--once", "--endpoint", "backend"]).finish();
    assert_eq!(status.code(), Some(1), "{output}");
    assert!(output.starts_with("the demo cannot begin: ") && output.contains("backend"), "{output}");
    assert_eq!(output.lines().count(), 1, "{output}");
}
