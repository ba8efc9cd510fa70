//! Sends chunks of encoded items over gRPC from a thread of its own, one request at a time.

use std::{sync::mpsc as answers, thread};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::wire;
use crate::{
    Failure, content,
    grpc_client::{EXPORT_LOGS, EXPORT_METRICS, EXPORT_TRACES, GrpcClient},
    subject::Kind,
};

/// The sending end.
pub(super) struct Sender {
    orders: mpsc::UnboundedSender<Order>,
}

enum Order {
    /// Repeated items of a scope, to be wrapped and sent.
    Send(Vec<u8>),
    /// Tell when all before is acknowledged, or what went wrong.
    Flush(answers::Sender<Result<(), Failure>>),
}

impl Sender {
    pub(super) fn new(kind: Kind, receiver: &str) -> Result<Self, Failure> {
        let method = match kind {
            Kind::Spans => EXPORT_TRACES,
            Kind::LogRecords => EXPORT_LOGS,
            Kind::Additions | Kind::Recordings | Kind::Series => EXPORT_METRICS,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (orders, received) = mpsc::unbounded_channel();
        let receiver = receiver.to_owned();
        thread::Builder::new().name("floor".into()).spawn(move || runtime.block_on(run(receiver, method, received)))?;
        Ok(Sender { orders })
    }

    pub(super) fn send(&self, items: Vec<u8>) {
        // The thread ends after this sender only.
        let _ = self.orders.send(Order::Send(items));
    }

    pub(super) fn flush(&self) -> Result<(), Failure> {
        let (answer, answered) = answers::channel();
        self.orders.send(Order::Flush(answer)).map_err(|_| "the sending thread is gone")?;
        answered.recv()?
    }
}

async fn run(receiver: String, method: &'static str, mut orders: mpsc::UnboundedReceiver<Order>) {
    let mut client = None;
    let mut outcome = Ok(());
    while let Some(order) = orders.recv().await {
        match order {
            Order::Send(items) => {
                if let Err(failure) = send(&mut client, &receiver, method, items).await {
                    outcome = Err(failure);
                }
            }
            Order::Flush(answer) => {
                let _ = answer.send(std::mem::replace(&mut outcome, Ok(())));
            }
        }
    }
}

async fn send(client: &mut Option<GrpcClient>, receiver: &str, method: &str, items: Vec<u8>) -> Result<(), Failure> {
    let client = match client {
        Some(client) => client,
        None => client.insert(GrpcClient::connect(receiver, method).await?),
    };
    client.call([envelope(items.len()), items.into()]).await
}

/// All of an export request that comes before its items: resource and scope, and lengths that have room for the items.
pub(super) fn envelope(items: usize) -> Bytes {
    let mut resource = Vec::new();
    wire::nested::<2>(&mut resource, 0x0a, |resource| {
        wire::text_attribute(resource, 0x0a, "service.name", content::SERVICE);
    });
    let mut scope = Vec::new();
    wire::nested::<2>(&mut scope, 0x0a, |scope| wire::bytes(scope, 0x0a, content::SCOPE.as_bytes()));

    let of_scope = (scope.len() + items) as u64;
    let of_resource = resource.len() as u64 + 1 + wire::varint_len(of_scope) as u64 + of_scope;
    let mut out = Vec::new();
    wire::uint(&mut out, 0x0a, of_resource);
    out.extend_from_slice(&resource);
    wire::uint(&mut out, 0x12, of_scope);
    out.extend_from_slice(&scope);
    out.into()
}
