//! One connection: TLS, the version of HTTP, and its requests until it ends or is broken.

use std::{pin::Pin, sync::Arc, time::Duration};

use hyper::{
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::watch,
};
use tokio_rustls::TlsAcceptor;

use super::{
    Shared, Speaks,
    context::Context,
    dispatch,
    pings::count_pings,
    preface,
    wire::{ConnectionControl, Wire},
};
use crate::{Requests, TlsVersion};

/// HTTP/2 flow control: enough that a sender of large batches does not wait for window updates.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 4 << 20;
/// The largest HTTP/2 frame that a sender may use.
const MAX_FRAME: u32 = 1 << 20;
/// How long an HTTP/2 connection may be silent before it is asked whether it lives.
const PING_AFTER: Duration = Duration::from_secs(20);

/// What a connection needs to know.
pub(super) struct Connection {
    pub(super) shared: Arc<Shared>,
    pub(super) speaks: Speaks,
    /// The connection is beyond the limit: its requests are refused, and it ends soon.
    pub(super) too_many: bool,
    /// Becomes `true` when the connection is to end in order.
    pub(super) closing: watch::Receiver<bool>,
}

/// Serves the connection. Cancelled, it resets it.
pub(super) async fn serve(connection: Connection, stream: TcpStream, tls: Option<TlsAcceptor>) {
    let control = ConnectionControl::new(connection.shared.requests.connected());
    // Declared before what owns the wire, so it is dropped after.
    let _counted = Counted(&connection.shared.requests);
    // Without it, a small answer would wait for the acknowledgement of the one before.
    let _ = stream.set_nodelay(true);
    let wire = Wire::new(stream, control.clone());
    let ended = async {
        match tls {
            None => serve_http(&connection, wire, &control, None).await,
            Some(acceptor) => {
                let handshake = tokio::time::timeout(connection.shared.limits.header_timeout, acceptor.accept(wire));
                // A client that cannot or will not shake hands has nothing to be told.
                if let Ok(Ok(stream)) = handshake.await {
                    let version = match stream.get_ref().1.protocol_version() {
                        Some(rustls::ProtocolVersion::TLSv1_3) => TlsVersion::Tls13,
                        _ => TlsVersion::Tls12,
                    };
                    serve_http(&connection, stream, &control, Some(version)).await;
                }
            }
        }
    };
    let mut ended = std::pin::pin!(ended);
    // Declared after what owns the wire, so it is dropped before.
    let mut cancelled = ResetOnCancel(Some(&control));
    tokio::select! {
        biased;
        () = control.broken() => {}
        // Refused ones end with the time for headers, so that they are never many for long.
        () = tokio::time::sleep(connection.shared.limits.header_timeout), if connection.too_many => {}
        () = ended.as_mut() => {}
    }
    cancelled.0 = None;
}

/// A connection that has ended once this is dropped.
struct Counted<'a>(&'a Requests);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.disconnected();
    }
}

struct ResetOnCancel<'a>(Option<&'a ConnectionControl>);

impl Drop for ResetOnCancel<'_> {
    fn drop(&mut self) {
        if let Some(control) = self.0 {
            control.reset();
        }
    }
}

async fn serve_http<S>(connection: &Connection, stream: S, control: &Arc<ConnectionControl>, tls: Option<TlsVersion>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = &connection.shared.limits;
    let mut closing = std::pin::pin!(closing(connection.closing.clone()));
    let sniffed = tokio::select! {
        sniffed = tokio::time::timeout(limits.header_timeout, preface::sniff(stream)) => sniffed,
        () = closing.as_mut() => return,
    };
    let Ok(Ok((stream, is_http2))) = sniffed else { return };
    let context = Context {
        shared: connection.shared.clone(),
        control: control.clone(),
        tls,
        speaks: connection.speaks,
        too_many: connection.too_many,
    };
    let requests = connection.shared.requests.clone();
    let service = service_fn(move |request| dispatch::answer(context.clone(), request));
    // A connection that fails is one whose client went away or broke the protocol: there is nobody to tell.
    if is_http2 {
        let served = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_frame_size(MAX_FRAME)
            .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
            .keep_alive_interval(PING_AFTER)
            .serve_connection(TokioIo::new(count_pings(stream, requests)), service);
        serve_until(closing, served, |served| served.graceful_shutdown()).await;
    } else {
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_timeout)
            .max_header_size(limits.header_bytes)
            .serve_connection(TokioIo::new(stream), service);
        serve_until(closing, served, |served| served.graceful_shutdown()).await;
    }
}

/// Serves until the connection has ended, or is to end: then with the answers that it owes, and no more.
async fn serve_until<S: Future>(closing: impl Future<Output = ()>, served: S, end_in_order: impl FnOnce(Pin<&mut S>)) {
    let mut served = std::pin::pin!(served);
    tokio::select! {
        _ = served.as_mut() => {}
        () = closing => {
            end_in_order(served.as_mut());
            let _ = served.await;
        }
    }
}

/// Waits until the connection is to end in order.
async fn closing(mut told: watch::Receiver<bool>) {
    // Without a supervisor it is to end as well.
    let _ = told.wait_for(|closing| *closing).await;
}
