//! Name servers that lie, flood and waver.

use super::*;

fn name(name: &str) -> Name {
    Name::from_ascii(name).unwrap()
}

fn target(priority: u16, weight: u16, port: u16, of: &str) -> RData {
    RData::SRV(SRV::new(priority, weight, port, name(of)))
}

fn srv() -> DnsResolver {
    DnsResolver::srv("_otlp._tcp.test.").unwrap()
}

/// Asks again and again, as a watch does, without its waits.
struct Asking {
    question: Question,
    config: DnsConfig,
}

impl Asking {
    fn of(server: &Server, question: Question) -> Self {
        Asking { question, config: DnsConfig::new().with_name_server(server.address) }
    }

    fn lookups(&self) -> Lookups<'_, impl Fn() -> Result<hickory_resolver::TokioResolver, String>> {
        Lookups::new(&self.question, || lookup::resolver(&self.config))
    }
}

#[tokio::test]
async fn an_answer_that_is_cut_off_is_asked_for_over_tcp_and_no_more_of_it_is_taken_than_makes_sense() {
    let server = Server::start().await;
    let record = |number: u16| RData::A(Ipv4Addr::from(0x0a00_0000 + u32::from(number)).into());
    let mut firsts = Vec::new();
    // Servers turn their records around from answer to answer.
    for start in [0, 717] {
        let all = (0..2_000).map(|number| record((start + number) % 2_000)).collect();
        server.say("pay.test.", RecordType::A, Say::OverTcp(60, all));
        server.say("pay.test.", RecordType::AAAA, Say::Records(60, Vec::new()));
        let found = server.ask(addresses("pay.test.")).await;
        let found = found.endpoints.unwrap_or_else(|| panic!("{:?}", found.failure));
        assert_eq!(found.len(), 1_024);
        firsts.push(found);
    }
    assert_eq!(firsts[0], firsts[1], "the same ones are taken, or all would come and go");
}

#[tokio::test]
async fn of_too_many_targets_those_to_be_tried_first_are_taken_whatever_their_order() {
    let server = Server::start().await;
    for number in 0..100 {
        let name = format!("t{number:03}.test.");
        server.say(&name, RecordType::A, Say::Records(60, vec![v4(number)]));
        server.say(&name, RecordType::AAAA, Say::Records(60, Vec::new()));
    }
    let mut answers = Vec::new();
    for shift in [0, 33] {
        let number = |at| (at + shift) % 100;
        // The last ten are the ones to be tried first.
        let records =
            (0..100).map(|at| target(u16::from(number(at) < 90), 1, 4317, &format!("t{:03}.test.", number(at))));
        server.say("_otlp._tcp.test.", RecordType::SRV, Say::OverTcp(60, records.collect()));
        answers.push(server.ask(srv()).await.endpoints.unwrap());
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0].len(), 64);
    assert_eq!(answers[0].iter().filter(|endpoint| endpoint.priority == 0).count(), 10);
}

#[tokio::test]
async fn a_time_to_live_of_nothing_and_one_of_decades_are_told() {
    let server = Server::start().await;
    let asking = Asking::of(&server, Question::Addresses(name("pay.test."), 80));
    server.say("pay.test.", RecordType::AAAA, Say::Records(0, Vec::new()));
    for (ttl, least) in [(0, 0), (60, 60), (u32::MAX >> 1, 86_400), (1 << 31, 0)] {
        server.say("pay.test.", RecordType::A, Say::Records(ttl, vec![v4(1)]));
        let told = asking.lookups().ask().await.unwrap().ttl;
        // The bounds hold for what is told (`DnsConfig::with_ttl_bounds`).
        assert!(told >= Duration::from_secs(least), "{ttl}: {told:?}");
    }
}

#[tokio::test]
async fn aliases_that_go_round_in_circles_are_no_answer() {
    let server = Server::start().await;
    let alias = |of: &str| Say::Records(60, vec![RData::CNAME(CNAME(name(of)))]);
    for kind in [RecordType::A, RecordType::AAAA, RecordType::CNAME] {
        server.say("pay.test.", kind, alias("round.test."));
        server.say("round.test.", kind, alias("pay.test."));
    }
    let found = server.ask(addresses("pay.test.")).await;
    assert!(found.endpoints.is_none(), "that there is nothing was said by nobody: {found:?}");
    assert!(found.failure.unwrap().to_string().contains("pay.test."));
}

#[tokio::test]
async fn an_answer_to_another_question_is_none() {
    let server = Server::start().await;
    for kind in [RecordType::A, RecordType::AAAA] {
        server.say("pay.test.", kind, Say::OfAnother(60, vec![v4(66)]));
    }
    let found = server.ask_within(Duration::from_millis(100), addresses("pay.test.")).await;
    let hosts: Vec<_> = found.endpoints.iter().flat_map(|all| all.iter()).map(ToString::to_string).collect();
    assert!(hosts.is_empty() && found.failure.is_some(), "{hosts:?}");
}

#[tokio::test]
async fn a_family_that_nobody_tells_of_for_now_keeps_what_was_told_last() {
    let server = Server::start().await;
    let asking = Asking::of(&server, Question::Addresses(name("pay.test."), 80));
    let lookups = asking.lookups();
    let ask = || async {
        lookups.ask().await.map(|answer| {
            let shown = answer.endpoints.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
            (shown, answer.ttl.as_secs())
        })
    };
    let found = |shown: &str, ttl| Ok::<_, String>((shown.to_owned(), ttl));
    let failing = || Say::Code(ResponseCode::ServFail);
    server.say("pay.test.", RecordType::A, Say::Records(600, vec![v4(1)]));
    server.say("pay.test.", RecordType::AAAA, Say::Records(600, vec![v6(1)]));
    assert_eq!(ask().await, found("10.0.0.1:80 [fd00::1]:80", 600));
    server.say("pay.test.", RecordType::AAAA, failing());
    server.say("pay.test.", RecordType::A, Say::Records(600, vec![v4(2)]));
    assert_eq!(ask().await, found("10.0.0.2:80 [fd00::1]:80", 30), "and it is asked for again soon");
    server.say("pay.test.", RecordType::AAAA, Say::Records(600, Vec::new()));
    assert_eq!(ask().await, found("10.0.0.2:80", 600), "that there is nothing is an answer");
    server.say("pay.test.", RecordType::A, failing());
    server.say("pay.test.", RecordType::AAAA, failing());
    assert!(ask().await.is_err(), "nobody tells anything");
}

#[tokio::test]
async fn weights_of_zero_are_equal_shares_and_a_port_of_zero_is_no_place() {
    let server = Server::start().await;
    let records = vec![target(0, 0, 4317, "a.test."), target(0, 0, 4317, "b.test."), target(0, 9, 0, "a.test.")];
    server.say("_otlp._tcp.test.", RecordType::SRV, Say::Records(60, records));
    server.say("a.test.", RecordType::A, Say::Records(60, vec![v4(1)]));
    server.say("b.test.", RecordType::A, Say::Records(60, vec![v4(2)]));
    let found = server.ask(srv()).await.endpoints.unwrap();
    let found: Vec<_> = found.iter().map(|one| (one.to_string(), one.weight)).collect();
    assert_eq!(found, [("10.0.0.1:4317".to_owned(), 1), ("10.0.0.2:4317".to_owned(), 1)]);
}

#[tokio::test]
async fn a_name_that_is_there_and_gone_and_there_again_is_followed() {
    let server = Server::start().await;
    let asking = Asking::of(&server, Question::Addresses(name("pay.test."), 80));
    let lookups = asking.lookups();
    for round in 0..50 {
        let is_there = round % 2 == 0;
        let say = if is_there { Say::Records(60, vec![v4(1)]) } else { Say::Code(ResponseCode::NXDomain) };
        server.say("pay.test.", RecordType::A, say);
        let answer = lookups.ask().await.unwrap();
        assert_eq!(answer.endpoints.len(), usize::from(is_there));
    }
}

#[tokio::test]
async fn a_name_with_and_without_a_dot_at_its_end_is_the_same_where_there_are_no_search_domains() {
    let server = Server::start().await;
    server.say("pay.test.", RecordType::A, Say::Records(60, vec![v4(1)]));
    let [with, without] = ["pay.test.", "pay.test"].map(addresses);
    let (with, without) = (server.ask(with).await.endpoints.unwrap(), server.ask(without).await.endpoints.unwrap());
    assert_eq!(with, without);
    assert_eq!((with.len(), with[0].server_name.as_deref()), (1, Some("pay.test")));
}
