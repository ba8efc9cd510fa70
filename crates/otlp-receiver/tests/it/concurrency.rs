//! Many clients, a receiver of several threads that dies now and then: every item is somewhere, and known to be.

use std::{collections::HashSet, time::Duration};

use otlp_core::Signal;
use otlp_receiver::{Fault, FaultMix, GrpcCode, Identity, Receiver, ResetPoint, ResetScope, StoreCapacity};

use crate::{
    client::{Client, PATIENCE},
    messages,
};

const CLIENTS: u64 = 8;
const REQUESTS: u64 = 25;
const ITEMS: u64 = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_clients_know_and_what_the_receiver_knows_agree() {
    let receiver = Receiver::builder().start().await.unwrap();
    let stream = ResetScope::Stream;
    let choices = vec![
        Fault::grpc(GrpcCode::Unavailable),
        Fault::http(http::StatusCode::TOO_MANY_REQUESTS),
        Fault::delay(Duration::from_millis(1)),
        Fault::reject_fraction(0.3),
        Fault::Reset { stored: true, point: ResetPoint::AfterHeaders, scope: stream },
        Fault::Reset { stored: false, point: ResetPoint::BeforeHeaders, scope: stream },
        Fault::lost_acknowledgement(),
    ];
    receiver.faults().inject(FaultMix::new(0.5, 7, choices));
    let address = receiver.grpc_address();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            tokio::spawn(async move {
                let mut acknowledged = 0;
                let mut rejected = 0;
                let mut connection = Client::http2(address).await;
                for request in 0..REQUESTS {
                    let first = (client * REQUESTS + request) * ITEMS;
                    // Again and again, until it is acknowledged: like an honest sender.
                    loop {
                        match connection.grpc(Signal::Traces, messages::request(Signal::Traces, first, ITEMS)).await {
                            Ok(reply) if reply.grpc_status() == 0 => {
                                let partial = reply.grpc_partial_success().map_or(0, |(count, _)| count as u64);
                                rejected += partial;
                                acknowledged += ITEMS - partial;
                                break;
                            }
                            Ok(_) => {}
                            Err(_) => connection = Client::http2(address).await,
                        }
                    }
                }
                (acknowledged, rejected)
            })
        })
        .collect();
    let (mut acknowledged, mut rejected) = (0, 0);
    for client in clients {
        let (accepted, refused) = client.await.unwrap();
        acknowledged += accepted;
        rejected += refused;
    }
    assert_eq!(acknowledged + rejected, CLIENTS * REQUESTS * ITEMS);
    let stored = receiver.store().arrivals(Signal::Traces);
    let refused = receiver.rejected().arrivals(Signal::Traces);
    let anywhere: HashSet<_> = stored.keys().chain(refused.keys()).collect();
    assert_eq!(anywhere.len() as u64, CLIENTS * REQUESTS * ITEMS, "no item is lost");
    assert_eq!(receiver.rejected().count(Signal::Traces), rejected);

    // An item is there more often than it was acknowledged only if a fault said so.
    let log = receiver.faults().log();
    let lost: HashSet<&Identity> = log.iter().filter(|fault| fault.stored).flat_map(|f| &f.identities).collect();
    let lost_arrivals: u64 = log.iter().filter(|fault| fault.stored).map(|fault| fault.items).sum();
    assert_eq!(receiver.store().count(Signal::Traces), acknowledged + lost_arrivals);
    let duplicates = receiver.store().duplicates(Signal::Traces);
    assert!(!duplicates.is_empty() && duplicates.iter().all(|(identity, _)| lost.contains(identity)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_store_evicts_and_goes_on_counting() {
    let capacity = StoreCapacity { items: 100, ..StoreCapacity::default() };
    let receiver = Receiver::builder().store_capacity(capacity).start().await.unwrap();
    let address = receiver.grpc_address();
    let sent = (0..4).map(|client| {
        tokio::spawn(async move {
            let mut connection = Client::http2(address).await;
            for request in 0..20 {
                let message = messages::request(Signal::Logs, client * 1_000 + request * 10, 10);
                assert_eq!(connection.grpc(Signal::Logs, message).await.unwrap().grpc_status(), 0);
            }
        })
    });
    for client in sent.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    receiver.store().wait_for_items(Signal::Logs, 800, PATIENCE).await.unwrap();
    let counts = receiver.store().counts().of(Signal::Logs);
    assert_eq!((counts.arrived, counts.kept, counts.evicted), (800, 100, 700));
    assert_eq!(receiver.store().logs().len(), 100);
}
