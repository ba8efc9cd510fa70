//! Tests of the hearing: each disagreement there can be, made on purpose, is found and named.

use otlp::delivery::{Ledger, SignalLedger};

use super::*;
use crate::demo::{evidence::Unclaimed, killed::Unsettled};

const SERVICE: Service = Service::Order;

fn claim(fate: ClaimedFate, ids: &[&str]) -> Claim {
    Claim { signal: Signal::Traces, fate, ids: ids.iter().map(|id| ItemId::from(*id)).collect() }
}

fn delivered(ids: &[&str]) -> Claim {
    claim(ClaimedFate::Delivered { rejected: 0 }, ids)
}

/// A testimony whose ledger says what the claims say.
fn testimony(claims: Vec<Claim>, acknowledgements_lost: u64) -> Testimony {
    let mut traces = SignalLedger { acknowledgements_lost, ..SignalLedger::default() };
    for claim in &claims {
        let items = claim.ids.len() as u64;
        traces.accepted += items;
        match claim.fate {
            ClaimedFate::Delivered { rejected } => {
                traces.delivered += items - rejected;
                traces.rejected += rejected;
            }
            ClaimedFate::Rejected => traces.rejected += items,
            ClaimedFate::Dropped(_) => panic!("a ledger with drops is made by drops_of"),
        }
    }
    let account = Account { ledger: Ledger { traces, ..Ledger::default() }, complete: true, ..Account::default() };
    Testimony { service: SERVICE, account: Some(account), claims, killed: Killed::default() }
}

/// A testimony of items that were all dropped at shutdown. Only the client can add to the drops of a ledger, so this one
/// is read from its serialised form.
fn drops_of(ids: &[&str], acknowledgements_lost: u64) -> Testimony {
    let mut testimony = testimony(Vec::new(), acknowledgements_lost);
    let items = ids.len() as u64;
    let counts = DropReason::ALL.map(|reason| if reason == DropReason::ShutDown { items } else { 0 });
    let account = testimony.account.as_mut().unwrap();
    account.ledger.traces.accepted = items;
    account.ledger.traces.dropped = serde_json::from_value(serde_json::json!(counts)).unwrap();
    testimony.claims = vec![claim(ClaimedFate::Dropped(DropReason::ShutDown), ids)];
    testimony
}

fn receipts(stored: &[&str], rejected: &[&str]) -> Receipts {
    let mut receipts = Receipts::default();
    for id in stored {
        receipts.sighted(Signal::Traces, (*id).into(), Some(SERVICE)).stored += 1;
    }
    for id in rejected {
        receipts.sighted(Signal::Traces, (*id).into(), Some(SERVICE)).rejected += 1;
    }
    receipts
}

/// The differences as text, one a line.
fn differences(testimony: Testimony, receipts: &Receipts) -> String {
    let verdict = judge(&[testimony], Some(receipts));
    assert_eq!(verdict.agrees(), verdict.differences.is_empty());
    verdict.differences.iter().map(|one| format!("{one}\n")).collect()
}

#[test]
fn equal_ids_agree() {
    let verdict = judge(&[testimony(vec![delivered(&["a", "b"])], 0)], Some(&receipts(&["a", "b"], &[])));
    assert!(verdict.agrees(), "{:?}", verdict.differences);
    assert_eq!(verdict.compared, [2, 0, 0]);
    assert_eq!(verdict.explained, [0; 3]);
}

#[test]
fn equal_counts_with_other_ids_do_not_agree() {
    let found = differences(testimony(vec![delivered(&["a", "b"])], 0), &receipts(&["a", "c"], &[]));
    assert_eq!(
        found,
        "order, spans: claimed as delivered, but the receiver has never seen them: b\n\
         order, spans: at the receiver, but nobody claims to have sent them: c\n"
    );
}

#[test]
fn a_duplicate_needs_a_lost_acknowledgement() {
    let twice = receipts(&["a", "b", "b"], &[]);
    let found = differences(testimony(vec![delivered(&["a", "b"])], 0), &twice);
    assert_eq!(
        found,
        "order, spans: seen by the receiver 1 times more than acknowledged, with 0 acknowledgements lost: b\n"
    );
    let verdict = judge(&[testimony(vec![delivered(&["a", "b"])], 2)], Some(&twice));
    assert!(verdict.agrees(), "{:?}", verdict.differences);
    assert_eq!(verdict.explained, [1, 0, 0]);
}

#[test]
fn an_item_that_was_dropped_may_have_arrived_only_if_its_acknowledgement_was_lost() {
    let found = differences(drops_of(&["a", "b"], 0), &receipts(&["a"], &[]));
    assert!(found.contains("with 0 acknowledgements lost: a\n"), "{found}");
    assert_eq!(differences(drops_of(&["a", "b"], 2), &receipts(&["a"], &[])), "");
    assert_eq!(differences(drops_of(&["a", "b"], 0), &receipts(&[], &[])), "");
}

#[test]
fn a_partly_rejected_batch_must_have_been_rejected_in_that_part() {
    let batch = |rejected| testimony(vec![claim(ClaimedFate::Delivered { rejected }, &["a", "b", "c"])], 0);
    let one_rejected = receipts(&["a", "c"], &["b"]);
    assert_eq!(differences(batch(1), &one_rejected), "");
    assert!(
        differences(batch(0), &one_rejected).contains("0 of a batch claimed as rejected, but more were rejected: b")
    );
    assert!(differences(batch(2), &one_rejected).contains("2 of a batch claimed as rejected, but only 1 were"));
}

#[test]
fn an_item_with_two_fates_is_found() {
    let found = differences(testimony(vec![delivered(&["a", "b"]), delivered(&["b"])], 0), &receipts(&["a", "b"], &[]));
    assert_eq!(found, "order, spans: claimed more than once: b\n");
}

#[test]
fn a_ledger_that_counts_otherwise_than_the_claims_is_found() {
    let mut testimony = testimony(vec![delivered(&["a"])], 0);
    let account = testimony.account.as_mut().unwrap();
    account.ledger.traces.accepted = 3;
    account.ledger.traces.delivered = 2;
    let found = differences(testimony, &receipts(&["a"], &[]));
    assert_eq!(
        found,
        "order, spans: the ledger does not balance: accepted 3 = delivered 2 + rejected 0 + dropped 0 + pending 0\n\
         order, spans: 3 items accepted, but 1 fates told\n\
         order, spans: the ledger says 2 delivered, the claims say 1\n"
    );
}

#[test]
fn pending_items_after_the_shutdown_are_found() {
    let mut testimony = testimony(Vec::new(), 0);
    let account = testimony.account.as_mut().unwrap();
    (account.ledger.traces.accepted, account.ledger.traces.pending) = (2, 2);
    assert_eq!(differences(testimony, &Receipts::default()), "order, spans: 2 items have no fate after the shutdown\n");
}

#[test]
fn the_items_of_a_dead_service_are_unknown_and_those_of_strangers_foreign() {
    let mut receipts = receipts(&["a", "b"], &[]);
    receipts.sighted(Signal::Traces, "x".into(), None).stored += 1;
    let dead = Testimony { service: SERVICE, account: None, claims: Vec::new(), killed: Killed::default() };
    let verdict = judge(&[dead], Some(&receipts));
    assert_eq!(verdict.unknown, [(SERVICE, Signal::Traces, 2)]);
    assert_eq!(verdict.foreign, 1);
}

#[test]
fn what_is_not_kept_excuses_as_many_items_and_no_more() {
    let mut unkept = Unclaimed::default();
    unkept.add(Signal::Traces, 1);
    let mut testimony = testimony(vec![delivered(&["a"])], 0);
    let account = testimony.account.as_mut().unwrap();
    account.unclaimed = unkept;
    account.ledger.traces.accepted = 2;
    account.ledger.traces.delivered = 2;
    assert_eq!(differences(testimony.clone(), &receipts(&["a", "b"], &[])), "");
    let found = differences(testimony, &receipts(&["a", "b", "c"], &[]));
    assert!(found.contains("nobody claims to have sent them: b, c"), "{found}");
}

#[test]
fn what_the_receiver_forgot_excuses_as_many_items_and_no_more() {
    let mut receipts = receipts(&["c"], &[]);
    receipts.forget(Signal::Traces, 2);
    assert_eq!(differences(testimony(vec![delivered(&["a", "b", "c"])], 0), &receipts), "");
    let found = differences(testimony(vec![delivered(&["a", "b", "c", "d"])], 0), &receipts);
    assert!(found.contains("the receiver has never seen them: a, b, d"), "{found}");
}

#[test]
fn a_difference_names_five_ids_and_counts_the_rest() {
    let ids: Vec<String> = (0..7).map(|id| id.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let found = differences(testimony(vec![delivered(&ids)], 0), &Receipts::default());
    assert!(found.ends_with(": 0, 1, 2, 3, 4 and 2 more\n"), "{found}");
}

/// A testimony of a service whose process had announced these items, confirmed the durable ones, said that it delivered
/// some, and was killed; the next claims `claims`.
fn risen(announced: &[&str], durable: &[&str], delivered_before: &[&str], claims: Vec<Claim>) -> Testimony {
    let mut left = Unsettled::default();
    announced.iter().for_each(|id| left.announced(Signal::Traces, (*id).into()));
    left.durable(&durable.iter().map(|id| (*id).into()).collect::<Vec<_>>());
    let claimed = vec![delivered(delivered_before)];
    left.claimed(&claimed);
    let mut testimony = testimony(claims, 0);
    testimony.killed.died(&Ledger::default(), claimed, left);
    testimony
}

#[test]
fn what_a_killed_process_left_is_found_arrived_unsaid_or_died_in_memory() {
    let announced = ["told", "found", "unsaid", "gone"];
    let found = risen(&announced, &["found", "unsaid"], &["told"], vec![delivered(&["found"])]);
    let verdict = judge(&[found], Some(&receipts(&["told", "found", "unsaid"], &[])));
    assert!(verdict.agrees(), "{:?}", verdict.differences);
    let expected = OfKilled { delivered: 1, unsaid: 1, in_memory: 1, durable: 2, ..OfKilled::default() };
    assert_eq!(verdict.of_killed[Signal::Traces.index()], expected);
    assert_eq!(verdict.compared, [4, 0, 0]);
}

#[test]
fn what_was_confirmed_as_durable_may_neither_be_gone_nor_given_up() {
    let gone = differences(risen(&["a", "b"], &["a"], &[], Vec::new()), &receipts(&[], &[]));
    assert_eq!(gone, "order, spans: confirmed as durable by a process that was killed, and gone: a\n");

    let mut dropped = drops_of(&["a", "b"], 0);
    dropped.killed = risen(&["a", "b"], &["a"], &[], Vec::new()).killed;
    let given_up = differences(dropped, &receipts(&[], &[]));
    assert!(given_up.ends_with("by a process that was killed, and given up by the next: a\n"), "{given_up}");
}

#[test]
fn what_a_killed_process_says_it_delivered_must_be_there() {
    let found = differences(risen(&["a"], &[], &["a"], Vec::new()), &receipts(&[], &[]));
    assert_eq!(found, "order, spans: claimed as delivered, but the receiver has never seen them: a\n");
}

#[test]
fn a_kill_explains_one_sighting_more_and_only_of_what_the_process_had() {
    let again = || risen(&["a"], &["a"], &["a"], vec![delivered(&["a"])]);
    assert_eq!(differences(again(), &receipts(&["a", "a"], &[])), "");
    assert_eq!(differences(risen(&["a"], &[], &[], vec![delivered(&["a"])]), &receipts(&["a", "a"], &[])), "");
    let too_often = differences(again(), &receipts(&["a", "a", "a", "a"], &[]));
    assert!(too_often.contains("seen by the receiver 1 times more than acknowledged"), "{too_often}");
    let of_the_next =
        differences(risen(&["a"], &[], &["a"], vec![delivered(&["b"])]), &receipts(&["a", "b", "b"], &[]));
    assert!(
        of_the_next.contains("seen by the receiver 1 times more") && of_the_next.contains(": b\n"),
        "{of_the_next}"
    );
}

#[test]
fn what_a_killed_process_never_announced_is_nobodys() {
    let found = differences(risen(&["a"], &[], &[], Vec::new()), &receipts(&["a", "x"], &[]));
    assert_eq!(found, "order, spans: at the receiver, but nobody claims to have sent them: x\n");
}
