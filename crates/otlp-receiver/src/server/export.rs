//! What every export goes through, whatever its protocol: decode, fault, store; the result is a verdict.

use std::time::SystemTime;

use bytes::Bytes;
use otlp_core::Signal;

use super::{
    answer::{Broken, StreamReset},
    command::Command,
    context::Context,
};
use crate::{
    Encoding, Fault, InjectedFault, Protocol, ResetPoint, ResetScope,
    decode::{self, Format},
    failure::Failure,
    faults::GarbageLayer,
    items::Items,
    limits::Reservation,
    message::collector::ExportPartialSuccess,
};

/// A request whose body has arrived.
pub(super) struct Export {
    /// Its number in the log of requests.
    pub(super) id: u64,
    pub(super) signal: Signal,
    pub(super) protocol: Protocol,
    pub(super) encoding: Encoding,
    /// As it arrived.
    pub(super) content: Bytes,
    /// Bytes that arrived with it beside the content.
    pub(super) framing_bytes: usize,
}

/// What is to be answered.
pub(super) enum Verdict {
    Accepted(Option<ExportPartialSuccess>),
    Failed(Failure),
    /// Success, with a message of nonsense.
    Garbage,
    /// Success, with a message of so many bytes.
    Oversized(usize),
    /// The headers of success, then a reset.
    Reset(ResetScope),
}

/// Decodes the request, does to it what a fault asks for, stores what is to be stored.
pub(super) async fn export(
    context: &Context,
    export: Export,
    mut reservation: Reservation,
) -> Result<Verdict, StreamReset> {
    let Export { id, signal, .. } = export;
    let items = match decode(context, export, &mut reservation) {
        Ok(items) => items,
        Err(failure) => return Ok(Verdict::Failed(failure)),
    };
    // From here on the items are what is held, and the store bounds itself.
    drop(reservation);
    context.shared.requests.update(id, |record| record.items = items.count());
    let mut fault = context.shared.faults.next(signal);
    while let Some(Fault::Delay { by, then }) = fault {
        record(context, id, &items, Fault::Delay { by, then: then.clone() });
        tokio::time::sleep(by).await;
        fault = then.map(|then| *then);
    }
    if context.control.is_over() {
        // The sender left, and nothing can be acknowledged: a server that had died would not store either.
        return Err(StreamReset);
    }
    match fault {
        None => {
            context.shared.store.put(items);
            Ok(Verdict::Accepted(None))
        }
        Some(fault) => strike(context, id, items, fault).await,
    }
}

fn decode(context: &Context, export: Export, reservation: &mut Reservation) -> Result<Items, Failure> {
    let shared = &context.shared;
    let wire_bytes = export.content.len() + export.framing_bytes;
    let limit = shared.limits.decompressed_bytes;
    let message = decode::decompress(export.content, export.encoding, limit, reservation)?;
    shared.requests.received(export.id, export.encoding, wire_bytes, message.len());
    let format = if export.protocol == Protocol::HttpJson { Format::Json } else { Format::Protobuf };
    Ok(decode::items(export.signal, format, &message, shared.count_only, reservation)?)
}

async fn strike(context: &Context, id: u64, items: Items, fault: Fault) -> Result<Verdict, StreamReset> {
    if let Fault::Reject { which, message } = &fault {
        let (kept, rejected) = items.split(|index| which.rejects(index));
        let verdict = ExportPartialSuccess { rejected: rejected.count() as i64, error_message: message.clone() };
        record(context, id, &rejected, fault);
        // The rejected ones first: who waits for the accepted ones finds both.
        if rejected.count() > 0 {
            context.shared.rejected.put(rejected);
        }
        context.shared.store.put(kept);
        return Ok(Verdict::Accepted(Some(verdict)));
    }
    record(context, id, &items, fault.clone());
    if fault.stores() {
        context.shared.store.put(items);
    }
    match fault {
        Fault::Fail(failure) => Ok(Verdict::Failed(failure)),
        Fault::LateAnswer { by } => {
            tokio::time::sleep(by).await;
            Ok(Verdict::Accepted(None))
        }
        Fault::BlackHole { .. } => std::future::pending().await,
        Fault::Reset { point: ResetPoint::AfterHeaders, scope, .. } => Ok(Verdict::Reset(scope)),
        Fault::Reset { scope: ResetScope::Stream, .. } => Err(StreamReset),
        Fault::Reset { scope: ResetScope::Connection, .. } => {
            context.control.reset();
            // The connection is dropped, and this with it.
            std::future::pending().await
        }
        Fault::Die { back_after, .. } => {
            // A supervisor that is gone has died already.
            let _ = context.shared.commands.send(Command::Kill { back_after, done: Box::new(|_| {}) });
            std::future::pending().await
        }
        Fault::Garbage { layer: GarbageLayer::Message, .. } => Ok(Verdict::Garbage),
        Fault::Garbage { layer: GarbageLayer::Connection, .. } => {
            context.control.garble();
            Ok(Verdict::Accepted(None))
        }
        Fault::OversizedAnswer { bytes, .. } => Ok(Verdict::Oversized(bytes as usize)),
        // Both are dealt with before.
        Fault::Reject { .. } | Fault::Delay { .. } => Ok(Verdict::Accepted(None)),
    }
}

fn record(context: &Context, request: u64, items: &Items, fault: Fault) {
    context.shared.faults.record(InjectedFault {
        at: SystemTime::now(),
        request,
        signal: items.signal(),
        items: items.count(),
        identities: items.identities(),
        stored: fault.stores(),
        fault,
    });
}

/// What a reset of `scope` breaks: over HTTP/1, always the connection.
pub(super) fn breaks(context: &Context, scope: ResetScope, is_http2: bool) -> Broken {
    if scope == ResetScope::Stream && is_http2 {
        Broken::Stream(None)
    } else {
        Broken::Connection(context.control.clone())
    }
}
