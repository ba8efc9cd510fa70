//! `otlp queue` on directories that a client left behind whose backend was dead: the real program, its output, its exit
//! code, and what it does to the files.

use std::{collections::BTreeSet, fs, time::Duration};

use otlp::{Signal, SpanId, json};
#[cfg(unix)]
use otlp_receiver::FaultKind;
use otlp_receiver::{Fault, GrpcCode, Receiver};

use crate::{
    program::run,
    stranded::{Directory, LOGS, SPANS, Stranded, files, left, segments},
};
#[cfg(unix)]
use crate::{
    program::{Program, signal},
    stranded::DEADLINE,
};

const KEY: [u8; 32] = [0xa5; 32];

/// What a command prints that ends with this exit code.
#[track_caller]
fn prints(code: i32, arguments: &[&str]) -> (String, String) {
    let output = run(arguments);
    let (standard, error) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{standard}\n{error}");
    (standard, error)
}

/// The spans and the number of log records in JSON lines.
fn read(lines: &str) -> (BTreeSet<SpanId>, usize) {
    let (mut spans, mut logs) = (BTreeSet::new(), 0);
    for line in lines.lines() {
        if line.starts_with(r#"{"resourceSpans""#) {
            spans.extend(json::decode_spans(line.as_bytes()).unwrap().iter().map(|span| span.span_id));
        } else {
            logs += json::decode_logs(line.as_bytes()).unwrap().len();
        }
    }
    (spans, logs)
}

fn drain<'a>(directory: &'a Directory, endpoint: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["queue", "drain", directory.text(), "--endpoint", endpoint], more].concat()
}

#[track_caller]
fn has_all(receiver: &Receiver, spans: &BTreeSet<SpanId>, logs: usize) {
    let arrived: BTreeSet<SpanId> = receiver.store().spans().iter().map(|span| span.span_id).collect();
    assert_eq!((&arrived, receiver.store().count(Signal::Logs)), (spans, logs as u64));
    for signal in Signal::ALL {
        assert_eq!(receiver.store().duplicates(signal), [], "{signal}");
    }
}

#[test]
fn what_only_reads_tells_everything_of_a_crash_and_changes_nothing() {
    let directory = Directory::new();
    let stranded = Stranded::new(&directory, None);
    let (spans, copy) = stranded.crash(&directory);
    // Not yet in place when the power went.
    fs::write(copy.queue().join("cursor.draft"), b"half").unwrap();
    let before = files(&copy.0);
    let (shown, _) = prints(0, &["queue", "inspect", copy.text()]);
    assert!(shown.contains("in use by     nobody"), "{shown}");
    assert!(shown.contains("traces        4 batches with 35 items"), "{shown}");
    assert!(shown.contains("metrics       nothing waits"), "{shown}");
    assert!(shown.contains("logs          3 batches with 25 items"), "{shown}");
    assert!(shown.contains("segments      1 file,") && shown.contains("7 batches wait"), "{shown}");
    assert!(shown.contains("damage        none seen") && shown.contains("kept aside    nothing"), "{shown}");
    let (line, _) = prints(0, &["queue", "inspect", copy.text(), "--json"]);
    let shown: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&shown["signals"][0]["items"], &shown["signals"][2]["batches"]), (&SPANS.into(), &3.into()), "{line}");
    assert!(shown["signals"][0]["oldestSeconds"].is_number() && shown["holder"].is_null(), "{line}");
    let (verdict, _) = prints(0, &["queue", "verify", copy.text()]);
    assert!(verdict.contains("sound; 7 batches are what was written"), "{verdict}");
    for at in [copy.0.clone(), copy.queue()] {
        let (lines, _) = prints(0, &["queue", "export", at.to_str().unwrap()]);
        assert_eq!(lines.lines().count(), 7);
        assert_eq!(read(&lines), (spans.clone(), LOGS));
    }
    assert_eq!(files(&copy.0), before);
}

#[test]
fn a_queue_is_drained_and_then_empty() {
    let (directory, receiver) = (Directory::new(), Receiver::builder().start_blocking().unwrap());
    let spans = left(&directory);
    let (ledger, _) = prints(0, &drain(&directory, &receiver.grpc_endpoint(), &["--protocol", "grpc"]));
    assert!(ledger.contains(&format!("destination {} (grpc)", receiver.grpc_endpoint())), "{ledger}");
    assert!(
        ledger.contains("accepted 0 + recovered 35 = delivered 35 + rejected 0 + dropped 0 + pending 0"),
        "{ledger}"
    );
    assert!(ledger.contains("otlp: empty"), "{ledger}");
    has_all(&receiver, &spans, LOGS);
    let (shown, _) = prints(0, &["queue", "inspect", directory.text()]);
    assert_eq!(shown.matches("nothing waits").count(), 3, "{shown}");
    prints(0, &["queue", "verify", directory.text()]);
    assert_eq!(prints(0, &["queue", "export", directory.text()]).0, "");
    prints(0, &drain(&directory, &receiver.http_endpoint(), &[]));
    has_all(&receiver, &spans, LOGS);
}

#[test]
fn a_crashs_leftovers_are_drained_under_any_name() {
    let (directory, receiver) = (Directory::new(), Receiver::builder().start_blocking().unwrap());
    let (spans, copy) = Stranded::new(&directory, None).crash(&directory);
    let renamed = copy.0.join("Copy of 2.otlp");
    fs::rename(copy.queue(), &renamed).unwrap();
    let endpoint = receiver.http_endpoint();
    let arguments = ["queue", "drain", renamed.to_str().unwrap(), "--endpoint", &endpoint, "--header", "x-tenant=blue"];
    prints(0, &arguments);
    has_all(&receiver, &spans, LOGS);
    assert_eq!(receiver.requests().last().unwrap().header("x-tenant"), Some("blue"));
    assert_eq!(fs::read_dir(&copy.0).unwrap().count(), 1, "nothing was made beside it");
}

#[test]
fn what_is_refused_stays_and_the_rest_leaves() {
    let (directory, receiver) = (Directory::new(), Receiver::builder().start_blocking().unwrap());
    let spans = left(&directory);
    receiver.faults().inject(Fault::grpc(GrpcCode::InvalidArgument).on(Signal::Logs));
    let (ledger, said) = prints(1, &drain(&directory, &receiver.http_endpoint(), &[]));
    assert!(ledger.contains("recovered 25 = delivered 0 + rejected 0 + dropped 0 + pending 25"), "{ledger}");
    assert!(ledger.contains("otlp: 3 batches with 25 items stay: the endpoint refuses them"), "{ledger}");
    assert!(said.contains("(logs) is refused, and stays"), "{said}");
    has_all(&receiver, &spans, 0);
    prints(0, &["queue", "verify", directory.text()]);
    let (lines, _) = prints(0, &["queue", "export", directory.text()]);
    assert_eq!(read(&lines), (BTreeSet::new(), LOGS));
    receiver.faults().clear();
    prints(0, &drain(&directory, &receiver.http_endpoint(), &[]));
    has_all(&receiver, &spans, LOGS);
}

#[test]
fn what_is_refused_leaves_for_the_dead_letters_if_that_is_asked_for() {
    let (directory, receiver) = (Directory::new(), Receiver::builder().start_blocking().unwrap());
    let spans = left(&directory);
    receiver.faults().inject(Fault::grpc(GrpcCode::InvalidArgument).on(Signal::Logs));
    let (ledger, _) =
        prints(1, &drain(&directory, &receiver.grpc_endpoint(), &["--protocol", "grpc", "--move-refused"]));
    assert!(ledger.contains("delivered 0 + rejected 25") && ledger.contains("otlp: empty"), "{ledger}");
    let (shown, _) = prints(0, &["queue", "inspect", directory.text()]);
    let letters = directory.queue().join("dead-letter");
    let expected = format!("dead letters  3 batches with 25 items that a receiver refused, in {}", letters.display());
    assert!(shown.contains(&expected), "{shown}");
    let (lines, _) = prints(0, &["queue", "export", letters.to_str().unwrap()]);
    assert_eq!(read(&lines), (BTreeSet::new(), LOGS));
    // They are sent again like any queue, when the receiver takes them.
    receiver.faults().clear();
    prints(0, &["queue", "drain", letters.to_str().unwrap(), "--endpoint", &receiver.http_endpoint()]);
    has_all(&receiver, &spans, LOGS);
}

#[test]
fn everything_stays_when_the_endpoint_is_down_or_wants_to_know_who_we_are() {
    let (directory, receiver) = (Directory::new(), Receiver::builder().start_blocking().unwrap());
    let spans = left(&directory);
    receiver.faults().inject(Fault::grpc(GrpcCode::Unavailable));
    let (ledger, said) = prints(1, &drain(&directory, &receiver.http_endpoint(), &["--give-up-after", "1"]));
    assert!(ledger.contains("7 batches with 60 items stay: the endpoint took nothing for 1 s"), "{ledger}");
    assert!(said.contains(&receiver.http_endpoint()) && said.contains("trying again"), "{said}");
    receiver.faults().clear();
    receiver.faults().inject(Fault::grpc(GrpcCode::Unauthenticated));
    let more = ["--header", "authorization=Bearer secret", "--move-refused"];
    let (ledger, said) = prints(1, &drain(&directory, &receiver.http_endpoint(), &more));
    assert!(ledger.contains("7 batches with 60 items stay: the endpoint asks for another identity"), "{ledger}");
    assert!(!ledger.contains("secret") && !said.contains("secret"), "{ledger}{said}");
    receiver.faults().clear();
    prints(0, &drain(&directory, &receiver.http_endpoint(), &[]));
    has_all(&receiver, &spans, LOGS);
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_with_the_ledger_and_everything_that_is_left() {
    let (directory, receiver) = (Directory::new(), Receiver::builder().start_blocking().unwrap());
    let spans = left(&directory);
    receiver.faults().inject(Fault::grpc(GrpcCode::Unavailable));
    let draining = Program::start(&drain(&directory, &receiver.http_endpoint(), &["--give-up-after", "3600"]));
    receiver.faults().wait_for_blocking(|faults| faults.count(FaultKind::Fail) > 0, DEADLINE).unwrap();
    signal("INT", draining.id());
    let (status, output) = draining.finish();
    assert_eq!(status.code(), Some(1), "{output}");
    assert!(output.contains("pending 35") && output.contains("7 batches with 60 items stay: interrupted"), "{output}");
    receiver.faults().clear();
    prints(0, &drain(&directory, &receiver.http_endpoint(), &[]));
    has_all(&receiver, &spans, LOGS);
}

#[test]
fn a_queue_in_use_can_be_looked_at_and_nothing_else() {
    let directory = Directory::new();
    let stranded = Stranded::new(&directory, None);
    let holder = format!("process {}", std::process::id());
    let (shown, _) = prints(0, &["queue", "inspect", directory.text()]);
    assert!(shown.contains(&format!("in use by     {holder}")), "{shown}");
    let endpoint = ["--endpoint", "http://127.0.0.1:4318"];
    for command in [&["verify"][..], &["export"], &[&["drain"], &endpoint[..]].concat()] {
        let queue = directory.queue();
        let (standard, said) = prints(2, &[&["queue"], command, &[queue.to_str().unwrap()]].concat());
        assert!(said.contains(&holder) && said.contains(queue.to_str().unwrap()), "{said}");
        assert_eq!(standard, "");
    }
    stranded.end();
    prints(0, &["queue", "verify", directory.text()]);
}

#[test]
fn damage_is_found_and_the_rest_exported() {
    let (directory, receiver) = (Directory::new(), Receiver::builder().start_blocking().unwrap());
    let spans = left(&directory);
    let segment = &segments(&directory.queue())[0];
    let mut bytes = fs::read(segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(segment, bytes).unwrap();
    let before = files(&directory.0);
    let (verdict, _) = prints(1, &["queue", "verify", directory.text()]);
    assert!(verdict.contains("DAMAGED") && verdict.contains("6 batches are what was written"), "{verdict}");
    let (shown, _) = prints(0, &["queue", "inspect", directory.text()]);
    assert!(!shown.contains("none seen"), "{shown}");
    let (lines, said) = prints(1, &["queue", "export", directory.text()]);
    let (found, logs) = read(&lines);
    assert!(said.contains("not exported"), "{said}");
    assert!(found.is_subset(&spans) && found.len() + logs >= SPANS + LOGS - 10 && found.len() + logs < SPANS + LOGS);
    assert_eq!(files(&directory.0), before);
    let (ledger, _) = prints(1, &drain(&directory, &receiver.http_endpoint(), &[]));
    assert!(ledger.contains("disk_damaged") && ledger.contains("otlp: empty"), "{ledger}");
    has_all(&receiver, &found, logs);
    let (shown, _) = prints(0, &["queue", "inspect", directory.text()]);
    assert!(shown.contains("kept aside    1 damaged file"), "{shown}");
}

#[test]
fn damage_before_what_a_later_process_left_is_counted_in_items() {
    let directory = Directory::new();
    let first = left(&directory);
    let later = Stranded::new(&directory, None);
    let spans: BTreeSet<SpanId> = first.union(&later.spans).copied().collect();
    assert!(later.client.shutdown_blocking(Duration::from_millis(100)).durable);
    let segment = &segments(&directory.queue())[0];
    let mut bytes = fs::read(segment).unwrap();
    // In what a record says.
    let at = bytes.windows(4).position(|window| window == b"work").unwrap();
    bytes[at] ^= 1;
    fs::write(segment, bytes).unwrap();
    let (verdict, _) = prints(1, &["queue", "verify", directory.text()]);
    assert!(verdict.contains("DAMAGED: 1 batch with 10 items damaged; 13 batches are what was written"), "{verdict}");
    let (lines, said) = prints(1, &["queue", "export", directory.text()]);
    assert!(said.contains("a batch of 10 items (") && said.contains("is damaged; not exported"), "{said}");
    let (found, logs) = read(&lines);
    assert!(found.is_subset(&spans));
    assert_eq!(found.len() + logs, 2 * (SPANS + LOGS) - 10);
}

#[test]
fn an_encrypted_queue_is_checked_without_its_key_and_read_with_it() {
    let (directory, receiver) = (Directory::new(), Receiver::builder().start_blocking().unwrap());
    let spans = Stranded::new(&directory, Some(KEY)).end();
    let keys = Directory::new();
    let file = |name: &str, content: &[u8]| {
        let path = keys.0.join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (raw, digits) = (file("raw", &KEY), file("digits", format!("{}\n", "a5".repeat(32)).as_bytes()));
    let (other, short) = (file("other", &[1; 32]), file("short", b"a secret"));
    let before = files(&directory.0);
    let (shown, _) = prints(0, &["queue", "inspect", directory.text()]);
    assert!(shown.contains("encrypted") && shown.contains("4 batches with 35 items"), "{shown}");
    prints(0, &["queue", "verify", directory.text()]);
    let endpoint = receiver.http_endpoint();
    for command in [vec!["queue", "export", directory.text()], drain(&directory, &endpoint, &[])] {
        let (standard, said) = prints(2, &command);
        assert!(standard.is_empty() && said.contains("is encrypted") && said.contains("--key-file"), "{said}");
        let (_, said) = prints(2, &[&command[..], &["--key-file", &other]].concat());
        assert!(said.contains("another key"), "{said}");
        let (_, said) = prints(2, &[&command[..], &["--key-file", &short]].concat());
        assert!(said.contains(&short) && said.contains("8 bytes") && !said.contains("secret"), "{said}");
    }
    let (lines, _) = prints(0, &["queue", "export", directory.text(), "--key-file", &digits]);
    assert_eq!(read(&lines), (spans.clone(), LOGS));
    assert_eq!(files(&directory.0), before);
    prints(0, &drain(&directory, &endpoint, &["--key-file", &raw]));
    has_all(&receiver, &spans, LOGS);
}

#[test]
fn what_cannot_be_done_is_refused_by_name() {
    let directory = Directory::new();
    let absent = directory.0.join("absent");
    for command in ["inspect", "verify", "export"] {
        let (_, said) = prints(2, &["queue", command, absent.to_str().unwrap()]);
        assert!(said.contains(absent.to_str().unwrap()), "{said}");
        let (_, said) = prints(2, &["queue", command, directory.text()]);
        assert!(said.contains("there is no disk queue in") && said.contains(directory.text()), "{said}");
    }
    assert_eq!(fs::read_dir(&directory.0).unwrap().count(), 0);
    left(&directory);
    let before = files(&directory.0);
    let endpoint = "http://127.0.0.1:4318";
    let (_, said) = prints(2, &drain(&directory, endpoint, &["--header", "Bearer secret"]));
    assert!(said.contains("--header") && !said.contains("secret"), "{said}");
    let (_, said) = prints(2, &drain(&directory, "ftp://127.0.0.1", &[]));
    assert!(said.contains("--endpoint") && said.contains("ftp"), "{said}");
    let (_, said) = prints(2, &drain(&directory, endpoint, &["--protocol", "smtp"]));
    assert!(said.contains("smtp") && said.contains("http/protobuf"), "{said}");
    assert_eq!(files(&directory.0), before);
}
