//! Names, against a name server in this process.

mod hostile;

use std::{
    collections::HashMap,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use hickory_resolver::proto::{
    op::{Message, ResponseCode},
    rr::{
        Name, RData, Record, RecordType,
        rdata::{CNAME, SOA, SRV},
    },
};
use parking_lot::Mutex;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, UdpSocket},
    task::AbortHandle,
};

use super::{DnsConfig, DnsResolver, Lookups, Question, lookup};
use crate::{Found, Publisher, Resolve};

/// What the server says of a question.
#[derive(Clone)]
enum Say {
    /// These records, which hold for so many seconds; none is NODATA.
    Records(u32, Vec<RData>),
    /// This code; with a start of authority if there is no such name.
    Code(ResponseCode),
    Garbage,
    /// These records, but over UDP nothing but that there is more.
    OverTcp(u32, Vec<RData>),
    /// These records, as the answer to a question that nobody asked.
    OfAnother(u32, Vec<RData>),
}

struct Server {
    address: SocketAddr,
    zone: Arc<Mutex<HashMap<(Name, RecordType), Say>>>,
    task: AbortHandle,
}

impl Server {
    async fn start() -> Self {
        let (socket, listener) = bound().await;
        let address = socket.local_addr().unwrap();
        let zone: Arc<Mutex<HashMap<_, _>>> = Arc::default();
        let answers = Arc::clone(&zone);
        let said = move |query: &Message| {
            let question = &query.queries[0];
            answers.lock().get(&(question.name().clone(), question.query_type())).cloned()
        };
        let by_tcp = said.clone();
        let over_udp = async move {
            let mut buffer = [0; 4096];
            loop {
                let (len, from) = socket.recv_from(&mut buffer).await.unwrap();
                let Ok(query) = Message::from_vec(&buffer[..len]) else { continue };
                let said = said(&query);
                let _ = socket.send_to(&answer(query, said, true), from).await;
            }
        };
        let over_tcp = async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                while let Ok(len) = stream.read_u16().await {
                    let mut query = vec![0; len.into()];
                    stream.read_exact(&mut query).await.unwrap();
                    let query = Message::from_vec(&query).unwrap();
                    let said = by_tcp(&query);
                    let answer = answer(query, said, false);
                    stream.write_u16(answer.len().try_into().unwrap()).await.unwrap();
                    stream.write_all(&answer).await.unwrap();
                }
            }
        };
        let serving = async move { tokio::join!(over_udp, over_tcp) };
        Server { address, zone, task: tokio::spawn(serving).abort_handle() }
    }

    fn say(&self, name: &str, kind: RecordType, say: Say) {
        self.zone.lock().insert((Name::from_ascii(name).unwrap(), kind), say);
    }

    /// What `resolver` finds with its first answer or failure.
    async fn ask(&self, resolver: DnsResolver) -> Found {
        self.ask_within(Duration::from_secs(20), resolver).await
    }

    async fn ask_within(&self, timeout: Duration, resolver: DnsResolver) -> Found {
        let config = DnsConfig::new().with_name_server(self.address).with_timeout(timeout);
        let resolver = resolver.with_config(config).unwrap();
        let (publisher, mut found) = Publisher::new();
        tokio::select! {
            () = resolver.watch("test", &publisher) => unreachable!("it never ends"),
            changed = found.changed() => changed.unwrap(),
        }
        found.borrow().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A port of both kinds.
async fn bound() -> (UdpSocket, TcpListener) {
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        if let Ok(socket) = UdpSocket::bind(listener.local_addr().unwrap()).await {
            return (socket, listener);
        }
    }
}

/// The answer to `query`. Of a name that it does not know the server says that there is none.
fn answer(query: Message, said: Option<Say>, is_udp: bool) -> Vec<u8> {
    let question = query.queries[0].clone();
    let mut answer = query.into_response();
    match said.unwrap_or(Say::Code(ResponseCode::NXDomain)) {
        Say::OverTcp(..) if is_udp => answer.metadata.truncation = true,
        Say::OfAnother(..) if is_udp => answer.metadata.id = answer.metadata.id.wrapping_add(1),
        Say::Records(ttl, records) | Say::OverTcp(ttl, records) | Say::OfAnother(ttl, records) => {
            answer.add_answers(records.into_iter().map(|data| Record::from_rdata(question.name().clone(), ttl, data)));
        }
        Say::Code(code) => {
            answer.metadata.response_code = code;
            if code == ResponseCode::NXDomain {
                let zone = Name::from_ascii("test.").unwrap();
                let soa = SOA::new(zone.clone(), zone.clone(), 1, 1, 1, 1, 7);
                answer.add_authority(Record::from_rdata(zone, 7, RData::SOA(soa)));
            }
        }
        Say::Garbage => return vec![0xff; 40],
    }
    answer.to_vec().unwrap()
}

fn v4(last: u8) -> RData {
    RData::A(Ipv4Addr::new(10, 0, 0, last).into())
}

fn v6(last: u16) -> RData {
    RData::AAAA(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, last).into())
}

fn shown(found: &Found) -> Vec<String> {
    found.endpoints.as_ref().unwrap().iter().map(ToString::to_string).collect()
}

fn addresses(name: &str) -> DnsResolver {
    DnsResolver::addresses(name, 80).unwrap()
}

#[tokio::test]
async fn every_address_of_both_families_is_an_endpoint_with_the_name_for_its_certificate() {
    let server = Server::start().await;
    server.say("pay.test.", RecordType::A, Say::Records(60, vec![v4(1), v4(2)]));
    server.say("pay.test.", RecordType::AAAA, Say::Records(60, vec![v6(1)]));
    let found = server.ask(addresses("pay.test.")).await;
    assert_eq!(shown(&found), ["10.0.0.1:80", "10.0.0.2:80", "[fd00::1]:80"]);
    assert!(found.endpoints.unwrap().iter().all(|one| one.server_name.as_deref() == Some("pay.test")));
}

#[tokio::test]
async fn a_family_that_is_missing_or_fails_does_not_hide_the_other() {
    let server = Server::start().await;
    server.say("pay.test.", RecordType::A, Say::Records(60, vec![v4(1)]));
    for other in [Say::Records(60, Vec::new()), Say::Code(ResponseCode::ServFail)] {
        server.say("pay.test.", RecordType::AAAA, other);
        assert_eq!(shown(&server.ask(addresses("pay.test.")).await), ["10.0.0.1:80"]);
    }
}

#[tokio::test]
async fn an_alias_is_followed() {
    let server = Server::start().await;
    let alias = RData::CNAME(CNAME(Name::from_ascii("real.test.").unwrap()));
    server.say("pay.test.", RecordType::A, Say::Records(60, vec![alias.clone()]));
    server.say("pay.test.", RecordType::AAAA, Say::Records(60, vec![alias]));
    server.say("real.test.", RecordType::A, Say::Records(60, vec![v4(9)]));
    server.say("real.test.", RecordType::AAAA, Say::Records(60, Vec::new()));
    assert_eq!(shown(&server.ask(addresses("pay.test.")).await), ["10.0.0.9:80"]);
}

#[tokio::test]
async fn srv_records_give_port_weight_and_priority() {
    let server = Server::start().await;
    let target = |priority, weight, port, name: &str| {
        RData::SRV(SRV::new(priority, weight, port, Name::from_ascii(name).unwrap()))
    };
    let records = vec![target(0, 5, 4317, "a.test."), target(0, 0, 4318, "b.test."), target(7, 1, 4319, "c.test.")];
    server.say("_otlp._tcp.test.", RecordType::SRV, Say::Records(60, records));
    for (number, name) in [(1, "a.test."), (2, "b.test."), (3, "c.test.")] {
        server.say(name, RecordType::A, Say::Records(60, vec![v4(number)]));
    }
    let found = server.ask(DnsResolver::srv("_otlp._tcp.test.").unwrap()).await.endpoints.unwrap();
    let found: Vec<_> =
        found.iter().map(|one| (one.to_string(), one.weight, one.priority, one.server_name.clone().unwrap())).collect();
    assert_eq!(
        found,
        [
            ("10.0.0.1:4317".to_owned(), 5, 0, "a.test".to_owned()),
            ("10.0.0.2:4318".to_owned(), 1, 0, "b.test".to_owned()),
            ("10.0.0.3:4319".to_owned(), 1, 7, "c.test".to_owned()),
        ]
    );
}

#[tokio::test]
async fn a_service_that_is_decidedly_not_there_has_no_endpoints() {
    let server = Server::start().await;
    let nowhere = RData::SRV(SRV::new(0, 0, 4317, Name::root()));
    server.say("_otlp._tcp.test.", RecordType::SRV, Say::Records(60, vec![nowhere]));
    assert!(shown(&server.ask(DnsResolver::srv("_otlp._tcp.test.").unwrap()).await).is_empty());
}

#[tokio::test]
async fn no_such_name_is_an_answer_and_a_server_that_fails_or_babbles_is_none() {
    let server = Server::start().await;
    let gone = server.ask(addresses("gone.test.")).await;
    assert!(shown(&gone).is_empty() && gone.failure.is_none());
    let (enough, brief) = (Duration::from_secs(20), Duration::from_millis(50));
    for (say, timeout) in [
        (Say::Code(ResponseCode::ServFail), enough),
        (Say::Code(ResponseCode::Refused), enough),
        // What is no answer is waited beyond.
        (Say::Garbage, brief),
    ] {
        server.say("pay.test.", RecordType::A, say.clone());
        server.say("pay.test.", RecordType::AAAA, say);
        let failed = server.ask_within(timeout, addresses("pay.test.")).await;
        assert!(failed.endpoints.is_none());
        let failure = failed.failure.unwrap().to_string();
        assert!(failure.contains("pay.test."), "{failure}");
    }
}

#[tokio::test]
async fn a_target_whose_addresses_nobody_tells_does_not_hide_the_others() {
    let server = Server::start().await;
    let target = |name: &str| RData::SRV(SRV::new(0, 1, 4317, Name::from_ascii(name).unwrap()));
    let records = vec![target("silent.test."), target("a.test.")];
    server.say("_otlp._tcp.test.", RecordType::SRV, Say::Records(60, records));
    server.say("a.test.", RecordType::A, Say::Records(60, vec![v4(1)]));
    for kind in [RecordType::A, RecordType::AAAA] {
        server.say("silent.test.", kind, Say::Code(ResponseCode::ServFail));
    }
    let found = server.ask(DnsResolver::srv("_otlp._tcp.test.").unwrap()).await;
    assert_eq!(shown(&found), ["10.0.0.1:4317"]);
    server.say("a.test.", RecordType::A, Say::Code(ResponseCode::ServFail));
    server.say("a.test.", RecordType::AAAA, Say::Code(ResponseCode::ServFail));
    let failed = server.ask(DnsResolver::srv("_otlp._tcp.test.").unwrap()).await;
    assert!(failed.endpoints.is_none() && failed.failure.is_some());
}

#[tokio::test]
async fn a_target_that_nobody_tells_of_for_now_keeps_what_was_told_last() {
    let server = Server::start().await;
    let config = DnsConfig::new().with_name_server(server.address);
    let question = Question::Services(Name::from_ascii("_otlp._tcp.test.").unwrap());
    let lookups = Lookups::new(&question, || lookup::resolver(&config));
    let target = |name: &str| RData::SRV(SRV::new(0, 1, 4317, Name::from_ascii(name).unwrap()));
    let both = Say::Records(600, vec![target("a.test."), target("b.test.")]);
    let say_of = |name: &str, say: &Say| {
        server.say(name, RecordType::A, say.clone());
        server.say(
            name,
            RecordType::AAAA,
            if let Say::Records(..) = say { Say::Records(600, vec![]) } else { say.clone() },
        );
    };
    let failing = Say::Code(ResponseCode::ServFail);
    let ask = || async {
        lookups.ask().await.map(|answer| {
            let mut shown: Vec<_> = answer.endpoints.iter().map(ToString::to_string).collect();
            shown.sort();
            (shown, answer.ttl.as_secs())
        })
    };
    let found = |last: &[u8], ttl| {
        Ok::<_, String>((last.iter().map(|last| format!("10.0.0.{last}:4317")).collect::<Vec<_>>(), ttl))
    };
    server.say("_otlp._tcp.test.", RecordType::SRV, both.clone());
    say_of("a.test.", &Say::Records(600, vec![v4(1)]));
    say_of("b.test.", &Say::Records(600, vec![v4(2)]));
    assert_eq!(ask().await, found(&[1, 2], 600));
    say_of("b.test.", &failing);
    say_of("a.test.", &Say::Records(600, vec![v4(3)]));
    assert_eq!(ask().await, found(&[2, 3], 30), "and it is asked for again soon");
    say_of("b.test.", &Say::Code(ResponseCode::NXDomain));
    assert_eq!(ask().await, found(&[3], 7), "that it is gone is an answer");
    say_of("b.test.", &failing);
    assert_eq!(ask().await, found(&[3], 30));
    // What is no target any more is forgotten, also if it comes back.
    server.say("_otlp._tcp.test.", RecordType::SRV, Say::Records(600, vec![target("b.test.")]));
    say_of("b.test.", &Say::Records(600, vec![v4(2)]));
    assert_eq!(ask().await, found(&[2], 600));
    server.say("_otlp._tcp.test.", RecordType::SRV, both);
    say_of("a.test.", &failing);
    assert_eq!(ask().await, found(&[2], 30));
    say_of("b.test.", &failing);
    assert!(ask().await.is_err(), "nobody tells anything");
}

#[tokio::test]
async fn after_a_failure_the_name_servers_are_looked_for_again() {
    let server = Server::start().await;
    let config = DnsConfig::new().with_name_server(server.address);
    let question = Question::Addresses(Name::from_ascii("pay.test.").unwrap(), 80);
    let made = AtomicUsize::new(0);
    let make = || match made.fetch_add(1, Relaxed) {
        0 => Err("there is no configuration yet".to_owned()),
        _ => lookup::resolver(&config),
    };
    let lookups = Lookups::new(&question, make);
    assert_eq!(lookups.ask().await.unwrap_err(), "there is no configuration yet");
    for (say, is_answered, expected) in [
        (Say::Records(60, vec![v4(1)]), true, 2),
        (Say::Records(60, vec![v4(2)]), true, 2),
        (Say::Code(ResponseCode::ServFail), false, 2),
        (Say::Records(60, vec![v4(2)]), true, 3),
    ] {
        server.say("pay.test.", RecordType::A, say.clone());
        server.say("pay.test.", RecordType::AAAA, if is_answered { Say::Records(60, Vec::new()) } else { say });
        assert_eq!(lookups.ask().await.is_ok(), is_answered);
        assert_eq!(made.load(Relaxed), expected);
    }
}

#[tokio::test]
async fn a_server_that_is_silent_fails_in_time() {
    let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let server = Server::start().await;
    let server = Server { address: silent.local_addr().unwrap(), zone: Arc::default(), task: server.task.clone() };
    let found = server.ask_within(Duration::from_millis(50), addresses("pay.test.")).await;
    let failure = found.failure.unwrap().to_string();
    assert!(failure.contains("pay.test."), "{failure}");
}

#[tokio::test]
async fn endpoints_come_and_go_with_the_records() {
    let server = Server::start().await;
    server.say("pay.test.", RecordType::A, Say::Records(0, vec![v4(1)]));
    server.say("pay.test.", RecordType::AAAA, Say::Records(0, Vec::new()));
    let bounds = (Duration::from_millis(10), Duration::from_millis(50));
    let config = DnsConfig::new().with_name_server(server.address).with_ttl_bounds(bounds.0, bounds.1);
    let resolver = addresses("pay.test.").with_config(config).unwrap();
    let (publisher, mut found) = Publisher::new();
    let watching = tokio::spawn(async move { resolver.watch("pay", &publisher).await });
    for records in [vec![v4(1)], vec![v4(1), v4(2)], vec![v4(2)], vec![]] {
        server.say("pay.test.", RecordType::A, Say::Records(0, records.clone()));
        let is_there = |known: &Found| known.endpoints.as_ref().is_some_and(|all| all.len() == records.len());
        let seen = tokio::time::timeout(Duration::from_secs(20), found.wait_for(is_there)).await;
        seen.expect("the change is found").unwrap();
    }
    watching.abort();
}
