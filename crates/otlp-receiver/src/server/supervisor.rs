//! Owns the ports and the connections: accepts, kills, restarts, stops.

use std::{future::poll_fn, io, ops::ControlFlow, sync::Arc, task::Poll, time::Duration};

use tokio::{
    net::TcpStream,
    sync::{mpsc::UnboundedReceiver, watch},
    task::JoinSet,
    time::Instant,
};
use tokio_rustls::TlsAcceptor;

use super::{
    Command, Port, Shared, Speaks,
    connection::{self, Connection},
};

/// How long to wait after a failed accept: it fails for want of file descriptors or memory, which passes.
const AFTER_FAILED_ACCEPT: Duration = Duration::from_millis(20);
/// How long requests that are being served may take at a shutdown.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(1);
/// So many connections beyond the limit are told so; those beyond are closed.
const TOLD_CONNECTIONS: usize = 64;

pub(crate) struct Supervisor {
    shared: Arc<Shared>,
    ports: Vec<Port>,
    tls: Option<TlsAcceptor>,
    commands: UnboundedReceiver<Command>,
    connections: JoinSet<()>,
    /// Told `true` when connections are to end in order.
    closing: watch::Sender<bool>,
    back_at: Option<Instant>,
}

impl Supervisor {
    pub(crate) fn new(
        shared: Arc<Shared>,
        ports: Vec<Port>,
        tls: Option<TlsAcceptor>,
        commands: UnboundedReceiver<Command>,
    ) -> Self {
        let (closing, _) = watch::channel(false);
        Supervisor { shared, ports, tls, commands, connections: JoinSet::new(), closing, back_at: None }
    }

    /// Serves until told to stop. Cancelled, it resets everything.
    pub(crate) async fn run(mut self) {
        loop {
            tokio::select! {
                biased;
                command = self.commands.recv() => {
                    if self.obey(command.unwrap_or(Command::Stop)).await.is_break() {
                        return;
                    }
                }
                () = until(self.back_at) => {
                    // Nobody waits for this result; a port that stays closed refuses, which is seen.
                    let _ = self.reopen();
                }
                Some(_) = self.connections.join_next() => {}
                accepted = accept(&self.ports) => match accepted {
                    Ok((stream, speaks)) => self.connect(stream, speaks),
                    Err(_) => tokio::time::sleep(AFTER_FAILED_ACCEPT).await,
                },
            }
        }
    }

    async fn obey(&mut self, command: Command) -> ControlFlow<()> {
        match command {
            Command::Kill { back_after, done } => {
                self.close();
                self.connections.shutdown().await;
                self.back_at = back_after.map(|after| Instant::now() + after);
                done(Ok(()));
            }
            Command::Refuse { done } => {
                self.close();
                done(Ok(()));
            }
            Command::Restart { done } => done(self.reopen()),
            Command::Shutdown { done } => {
                self.shutdown().await;
                done(Ok(()));
                return ControlFlow::Break(());
            }
            Command::Stop => {
                self.close();
                self.connections.shutdown().await;
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }

    fn connect(&mut self, stream: TcpStream, speaks: Speaks) {
        let limit = self.shared.limits.connections;
        if self.connections.len() >= limit.saturating_add(TOLD_CONNECTIONS) {
            self.shared.requests.refused_connection();
            return;
        }
        let connection = Connection {
            shared: self.shared.clone(),
            speaks,
            too_many: self.connections.len() >= limit,
            closing: self.closing.subscribe(),
        };
        self.connections.spawn(connection::serve(connection, stream, self.tls.clone()));
    }

    fn close(&mut self) {
        self.back_at = None;
        self.ports.iter_mut().for_each(Port::close);
    }

    fn reopen(&mut self) -> io::Result<()> {
        self.back_at = None;
        self.ports.iter_mut().try_for_each(Port::reopen)
    }

    async fn shutdown(&mut self) {
        self.close();
        self.closing.send_replace(true);
        let ended = async { while self.connections.join_next().await.is_some() {} };
        if tokio::time::timeout(SHUTDOWN_GRACE, ended).await.is_err() {
            self.connections.shutdown().await;
        }
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

async fn accept(ports: &[Port]) -> io::Result<(TcpStream, Speaks)> {
    poll_fn(|context| {
        for port in ports {
            if let Poll::Ready(accepted) = port.poll_accept(context) {
                return Poll::Ready(accepted.map(|stream| (stream, port.speaks())));
            }
        }
        Poll::Pending
    })
    .await
}
