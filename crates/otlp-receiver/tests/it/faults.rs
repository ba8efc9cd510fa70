//! Each fault as a client sees it, and as the receiver remembers it.

use std::time::{Duration, SystemTime};

use http::StatusCode;
use otlp_core::Signal;
use otlp_receiver::{
    Encoding, Failure, Fault, FaultKind, FaultMix, GarbageLayer, GrpcCode, Identity, Receiver, ResetPoint, ResetScope,
    RetryHint,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{
    client::{Broken, Client, PATIENCE, Reply, http_request},
    messages,
};

struct Both {
    receiver: Receiver,
    sent: u64,
}

impl Both {
    async fn start() -> Self {
        Both { receiver: Receiver::builder().start().await.unwrap(), sent: 0 }
    }

    fn next(&mut self) -> Vec<u8> {
        self.sent += 10;
        messages::request(Signal::Traces, self.sent - 10, 10)
    }

    /// Ten new spans over gRPC, on a connection of their own.
    async fn grpc(&mut self) -> Result<Reply, Broken> {
        let message = self.next();
        Client::http2(self.receiver.grpc_address()).await.grpc(Signal::Traces, message).await
    }

    /// Ten new spans over HTTP, on a connection of their own.
    async fn http(&mut self) -> Result<Reply, Broken> {
        let message = self.next();
        Client::http1(self.receiver.http_address()).await.http(Signal::Traces, message).await
    }

    fn stored(&self) -> u64 {
        self.receiver.store().count(Signal::Traces)
    }
}

#[tokio::test]
async fn every_code_is_answered_as_often_as_told() {
    let mut both = Both::start().await;
    for code in GrpcCode::FAILURES {
        both.receiver.faults().inject(Fault::grpc(code).times(2));
        assert_eq!(both.grpc().await.unwrap().grpc_status(), code.number());
        assert_eq!(both.http().await.unwrap().status, code.http_status());
    }
    assert_eq!(both.stored(), 0);
    assert_eq!(both.grpc().await.unwrap().grpc_status(), 0);
    assert_eq!(both.http().await.unwrap().status, StatusCode::OK);
    assert_eq!(both.stored(), 20);
    assert_eq!(both.receiver.faults().count(FaultKind::Fail), 32);
}

#[tokio::test]
async fn a_rule_concerns_its_signal_alone_and_can_be_cleared() {
    let both = Both::start().await;
    both.receiver.faults().inject(Fault::http(StatusCode::BAD_GATEWAY).on(Signal::Logs));
    let mut client = Client::http1(both.receiver.http_address()).await;
    for _ in 0..3 {
        let traces = client.http(Signal::Traces, messages::request(Signal::Traces, 0, 1)).await.unwrap();
        let logs = client.http(Signal::Logs, messages::request(Signal::Logs, 0, 1)).await.unwrap();
        assert_eq!((traces.status.as_u16(), logs.status.as_u16()), (200, 502));
    }
    both.receiver.faults().clear();
    let logs = client.http(Signal::Logs, messages::request(Signal::Logs, 0, 1)).await.unwrap();
    assert_eq!(logs.status.as_u16(), 200);
}

#[tokio::test]
async fn a_retry_hint_is_retry_after_over_http_and_retry_info_over_grpc() {
    let mut both = Both::start().await;
    both.receiver.faults().inject(Fault::throttle(Duration::from_millis(1500)).times(2));
    let reply = both.http().await.unwrap();
    assert_eq!((reply.status.as_u16(), reply.headers["retry-after"].to_str().unwrap()), (429, "2"));
    let reply = both.grpc().await.unwrap();
    assert_eq!(reply.grpc_status(), 8);
    // Status{details: [Any{RetryInfo{Duration{1 s, 500,000,000 ns}}}]}
    let details = reply.headers["grpc-status-details-bin"].to_str().unwrap();
    let details = base64::Engine::decode(&base64::engine::general_purpose::STANDARD_NO_PAD, details).unwrap();
    let type_url = b"type.googleapis.com/google.rpc.RetryInfo";
    assert!(details.windows(type_url.len()).any(|window| window == type_url));
    assert!(details.ends_with(&[0x0a, 0x08, 0x08, 0x01, 0x10, 0x80, 0xca, 0xb5, 0xee, 0x01]), "{details:x?}");

    let moment = SystemTime::UNIX_EPOCH + Duration::from_secs(86_400);
    let failure = Failure::http(StatusCode::SERVICE_UNAVAILABLE).with_retry(RetryHint::At(moment));
    both.receiver.faults().inject(Fault::Fail(failure).times(1));
    let reply = both.http().await.unwrap();
    assert_eq!(reply.headers["retry-after"], "Fri, 02 Jan 1970 00:00:00 GMT");
}

#[tokio::test]
async fn partly_rejected_items_are_on_record_and_not_stored() {
    let mut both = Both::start().await;
    both.receiver.faults().inject(Fault::reject(3).times(1));
    let reply = both.grpc().await.unwrap();
    assert_eq!(reply.grpc_status(), 0);
    assert_eq!(reply.grpc_partial_success(), Some((3, "rejected by a scripted fault".into())));
    both.receiver.faults().inject(Fault::reject_fraction(0.5).times(1));
    assert_eq!(both.http().await.unwrap().http_partial_success().map(|(rejected, _)| rejected), Some(5));
    both.receiver.faults().inject(Fault::warning("slow down").times(1));
    assert_eq!(both.grpc().await.unwrap().grpc_partial_success(), Some((0, "slow down".into())));

    assert_eq!((both.stored(), both.receiver.rejected().count(Signal::Traces)), (22, 8));
    let stored = both.receiver.store().arrivals(Signal::Traces);
    let rejected = both.receiver.rejected().arrivals(Signal::Traces);
    assert!(rejected.keys().all(|identity| !stored.contains_key(identity)));
    assert_eq!(stored.len() + rejected.len(), 30);
    let log = both.receiver.faults().log();
    assert_eq!(log.iter().map(|fault| fault.items).collect::<Vec<_>>(), [3, 5, 0]);
    let logged: Vec<&Identity> = log.iter().flat_map(|fault| &fault.identities).collect();
    assert!(logged.len() == 8 && logged.iter().all(|identity| rejected.contains_key(*identity)));
}

#[tokio::test]
async fn a_partial_success_is_said_in_the_words_of_the_signal_in_json() {
    let both = Both::start().await;
    both.receiver.faults().inject(Fault::reject(2));
    let mut client = Client::http1(both.receiver.http_address()).await;
    for (signal, name) in [
        (Signal::Traces, "rejectedSpans"),
        (Signal::Metrics, "rejectedDataPoints"),
        (Signal::Logs, "rejectedLogRecords"),
    ] {
        let request = http_request(signal, "application/json", Encoding::Identity, messages::json(signal, 5));
        let reply: serde_json::Value = serde_json::from_slice(&client.send(request).await.unwrap().body).unwrap();
        assert_eq!(reply["partialSuccess"][name], "2");
        assert_eq!((both.receiver.store().count(signal), both.receiver.rejected().count(signal)), (3, 2));
    }
}

#[tokio::test]
async fn delays_come_before_the_store_and_late_answers_after() {
    let mut both = Both::start().await;
    let hour = Duration::from_secs(3600);
    let faults = both.receiver.faults().clone();
    let store = both.receiver.store().clone();
    faults.inject(Fault::delay(hour).times(1));
    faults.inject(Fault::LateAnswer { by: hour }.times(1));
    let mut client = Client::http2(both.receiver.grpc_address()).await;
    for (kind, stored) in [(FaultKind::Delay, 0), (FaultKind::LateAnswer, 10)] {
        let message = both.next();
        tokio::select! {
            reply = client.grpc(Signal::Traces, message) => panic!("{reply:?}"),
            waited = faults.wait_for(|faults| faults.count(kind) == 1, PATIENCE) => waited.unwrap(),
        }
        if stored > 0 {
            store.wait_for_items(Signal::Traces, stored, PATIENCE).await.unwrap();
        }
        assert_eq!(store.count(Signal::Traces), stored, "{kind:?}");
    }
    // A delay may end in another fault.
    faults.inject(Fault::grpc(GrpcCode::Aborted).delayed(Duration::from_millis(1)).times(1));
    assert_eq!(both.grpc().await.unwrap().grpc_status(), GrpcCode::Aborted.number());
    let unanswered = both.receiver.requests().recent().iter().filter(|record| !record.answered).count();
    assert_eq!(unanswered, 2);
}

#[tokio::test]
async fn a_black_hole_reads_and_never_answers() {
    let mut both = Both::start().await;
    for stored in [false, true] {
        let before = both.receiver.faults().count(FaultKind::BlackHole);
        both.receiver.faults().inject(Fault::BlackHole { stored }.times(1));
        let faults = both.receiver.faults().clone();
        tokio::select! {
            reply = both.http() => panic!("{reply:?}"),
            waited = faults.wait_for(|faults| faults.count(FaultKind::BlackHole) > before, PATIENCE) => waited.unwrap(),
        }
    }
    both.receiver.store().wait_for_items(Signal::Traces, 10, PATIENCE).await.unwrap();
    assert_eq!(both.stored(), 10);
    let log = both.receiver.faults().log();
    assert_eq!(log.iter().map(|fault| fault.stored).collect::<Vec<_>>(), [false, true]);
    assert_eq!(log[0].identities.len(), 10);
    assert_eq!(both.http().await.unwrap().status, StatusCode::OK);
}

#[tokio::test]
async fn resets_happen_where_they_are_told_to() {
    let mut both = Both::start().await;
    let mut stored_items = 0;
    for stored in [false, true] {
        for point in [ResetPoint::BeforeHeaders, ResetPoint::AfterHeaders] {
            for scope in [ResetScope::Stream, ResetScope::Connection] {
                both.receiver.faults().inject(Fault::Reset { stored, point, scope }.times(2));
                let grpc = both.grpc().await.unwrap_err();
                assert_eq!(grpc.after_headers, point == ResetPoint::AfterHeaders, "gRPC {stored} {point:?} {scope:?}");
                let http = both.http().await.unwrap_err();
                assert_eq!(http.after_headers, point == ResetPoint::AfterHeaders, "HTTP {stored} {point:?} {scope:?}");
                stored_items += if stored { 20 } else { 0 };
                assert_eq!(both.stored(), stored_items);
            }
        }
    }
    let log = both.receiver.faults().log();
    assert_eq!(log.len(), 16);
    assert_eq!(log.iter().filter(|fault| fault.stored).map(|fault| fault.items).sum::<u64>(), stored_items);
    assert!(both.receiver.requests().recent().iter().all(|record| !record.answered));
}

#[tokio::test]
async fn a_reset_is_a_tcp_reset_after_the_headers() {
    let both = Both::start().await;
    both.receiver.faults().inject(Fault::lost_acknowledgement().times(1));
    let mut stream = tokio::net::TcpStream::connect(both.receiver.http_address()).await.unwrap();
    let head = "POST /v1/logs HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let error = stream.read_to_end(&mut answer).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn a_reset_stream_leaves_the_connection_to_others() {
    let both = Both::start().await;
    let mut client = Client::http2(both.receiver.grpc_address()).await;
    let scope = ResetScope::Stream;
    both.receiver.faults().inject(Fault::Reset { stored: true, point: ResetPoint::AfterHeaders, scope }.times(1));
    client.grpc(Signal::Traces, messages::request(Signal::Traces, 0, 1)).await.unwrap_err();
    let reply = client.grpc(Signal::Traces, messages::request(Signal::Traces, 0, 1)).await.unwrap();
    assert_eq!(reply.grpc_status(), 0);
    assert_eq!(both.receiver.store().duplicates(Signal::Traces).len(), 1, "the acknowledgement was lost");
    assert_eq!(both.receiver.requests().totals().connections, 1);
}

#[tokio::test]
async fn garbage_is_no_answer() {
    let mut both = Both::start().await;
    let message = Fault::Garbage { stored: true, layer: GarbageLayer::Message };
    both.receiver.faults().inject(message.times(2));
    assert_eq!(&both.grpc().await.unwrap().body[5..], &[0xff; 16]);
    assert_eq!(&*both.http().await.unwrap().body, &[0xff; 16]);
    let connection = Fault::Garbage { stored: false, layer: GarbageLayer::Connection };
    both.receiver.faults().inject(connection.times(2));
    assert!(!both.grpc().await.unwrap_err().after_headers);
    assert!(!both.http().await.unwrap_err().after_headers);
    assert_eq!(both.stored(), 20);
    assert_eq!(both.receiver.faults().count(FaultKind::Garbage), 4);
}

#[tokio::test]
async fn an_oversized_answer_is_as_long_as_told() {
    let mut both = Both::start().await;
    both.receiver.faults().inject(Fault::OversizedAnswer { stored: true, bytes: 1_000_000 }.times(2));
    assert_eq!(both.grpc().await.unwrap().body.len(), 1_000_005);
    assert_eq!(both.http().await.unwrap().body.len(), 1_000_000);
    assert_eq!(both.stored(), 20);
}

#[tokio::test]
async fn a_receiver_dies_of_a_fault_and_comes_back() {
    let mut both = Both::start().await;
    for stored in [true, false] {
        let back_after = Some(Duration::from_millis(1));
        both.receiver.faults().inject(Fault::Die { stored, back_after }.times(1));
        both.grpc().await.unwrap_err();
        // It comes back by itself; until then, connections are refused.
        let returned = async {
            while tokio::net::TcpStream::connect(both.receiver.grpc_address()).await.is_err() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, returned).await.unwrap();
        assert_eq!(both.grpc().await.unwrap().grpc_status(), 0);
    }
    assert_eq!(both.stored(), 30);
}

#[tokio::test]
async fn a_mix_strikes_by_chance_and_everything_is_accounted_for() {
    let mut both = Both::start().await;
    let choices = vec![
        Fault::grpc(GrpcCode::Unavailable),
        Fault::reject(4),
        Fault::Reset { stored: true, point: ResetPoint::AfterHeaders, scope: ResetScope::Stream },
        Fault::Reset { stored: false, point: ResetPoint::BeforeHeaders, scope: ResetScope::Stream },
    ];
    both.receiver.faults().inject(FaultMix::new(0.5, 42, choices));
    let mut acknowledged = 0;
    let mut rejected = 0;
    for _ in 0..60 {
        if let Ok(reply) = both.grpc().await
            && reply.grpc_status() == 0
        {
            let partial = reply.grpc_partial_success().map_or(0, |(rejected, _)| rejected as u64);
            rejected += partial;
            acknowledged += 10 - partial;
        }
    }
    let log = both.receiver.faults().log();
    let counts = both.receiver.faults().counts();
    assert!(counts.values().sum::<u64>() > 15 && counts.len() == 3, "{counts:?}");
    let lost: u64 = log.iter().filter(|fault| fault.stored).map(|fault| fault.items).sum();
    assert_eq!(both.stored(), acknowledged + lost);
    assert_eq!(both.receiver.rejected().count(Signal::Traces), rejected);
}
