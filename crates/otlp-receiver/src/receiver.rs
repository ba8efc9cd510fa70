//! The handle to a running receiver.

use std::{
    fmt, io,
    net::SocketAddr,
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use tokio::sync::{
    mpsc::{UnboundedSender, unbounded_channel},
    oneshot,
};
use tokio_rustls::TlsAcceptor;

use crate::{
    Faults, ReceiverBuilder, Requests, StartError, Store,
    changes::Changes,
    limits::MemoryBudget,
    server::{Command, Done, Shared, Supervisor},
};

/// A running OTLP receiver. Dropped, it stops and resets its connections.
///
/// Methods that wait exist twice: async, and blocking for threads without a runtime. The blocking ones must not be
/// called on the runtime that a receiver of [`start`](ReceiverBuilder::start) runs on, if it has just one thread: it
/// would wait for itself.
pub struct Receiver {
    grpc: SocketAddr,
    http: SocketAddr,
    is_tls: bool,
    store: Store,
    rejected: Store,
    faults: Faults,
    requests: Requests,
    commands: UnboundedSender<Command>,
    /// With [`ReceiverBuilder::start_blocking`].
    thread: Option<JoinHandle<()>>,
}

impl Receiver {
    /// Sets a receiver up.
    pub fn builder() -> ReceiverBuilder {
        ReceiverBuilder::default()
    }

    /// Where gRPC is spoken, as `http://127.0.0.1:…`, or `https://` with TLS.
    pub fn grpc_endpoint(&self) -> String {
        self.endpoint(self.grpc)
    }

    /// Where HTTP is spoken, as `http://127.0.0.1:…`, or `https://` with TLS; without `/v1/…`.
    pub fn http_endpoint(&self) -> String {
        self.endpoint(self.http)
    }

    /// The address of the gRPC port.
    pub fn grpc_address(&self) -> SocketAddr {
        self.grpc
    }

    /// The address of the HTTP port.
    pub fn http_address(&self) -> SocketAddr {
        self.http
    }

    fn endpoint(&self, address: SocketAddr) -> String {
        format!("{}://{address}", if self.is_tls { "https" } else { "http" })
    }

    /// What was accepted.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// What was rejected, item by item, by a partial success.
    pub fn rejected(&self) -> &Store {
        &self.rejected
    }

    /// The scripted faults.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// What was asked.
    pub fn requests(&self) -> &Requests {
        &self.requests
    }

    /// Dies: connections are refused from now on, and those that exist are reset. Store, faults and requests stay. The
    /// ports stay reserved for [`restart`](Self::restart).
    pub async fn kill(&self) {
        // A receiver that is gone is dead.
        let _ = self.command(|done| Command::Kill { back_after: None, done }).await;
    }

    /// As [`Receiver::kill`], for threads that may block.
    pub fn kill_blocking(&self) {
        let _ = self.command_blocking(|done| Command::Kill { back_after: None, done });
    }

    /// Dies, and comes back on the same ports by itself `after` that time. Returns once it is dead.
    pub async fn kill_for(&self, after: Duration) {
        let _ = self.command(|done| Command::Kill { back_after: Some(after), done }).await;
    }

    /// As [`Receiver::kill_for`], for threads that may block. Returns once it is dead.
    pub fn kill_for_blocking(&self, after: Duration) {
        let _ = self.command_blocking(|done| Command::Kill { back_after: Some(after), done });
    }

    /// Refuses new connections from now on; those that exist are served.
    pub async fn refuse_connections(&self) {
        let _ = self.command(|done| Command::Refuse { done }).await;
    }

    /// As [`Receiver::refuse_connections`], for threads that may block.
    pub fn refuse_connections_blocking(&self) {
        let _ = self.command_blocking(|done| Command::Refuse { done });
    }

    /// Comes back on the same ports, after [`kill`](Self::kill) or [`refuse_connections`](Self::refuse_connections).
    /// Does nothing if it is there.
    ///
    /// # Errors
    /// If a port cannot be listened on, for another program took it, or if the receiver was stopped.
    pub async fn restart(&self) -> io::Result<()> {
        self.command(|done| Command::Restart { done }).await
    }

    /// As [`Receiver::restart`], for threads that may block.
    ///
    /// # Errors
    /// As [`Receiver::restart`].
    pub fn restart_blocking(&self) -> io::Result<()> {
        self.command_blocking(|done| Command::Restart { done })
    }

    /// Stops in order: requests that are being served get their answer if that takes no longer than a second. The
    /// handles to store, faults and requests stay valid.
    pub async fn shutdown(self) {
        let _ = self.command(|done| Command::Shutdown { done }).await;
    }

    /// As [`Receiver::shutdown`], for threads that may block.
    pub fn shutdown_blocking(self) {
        let _ = self.command_blocking(|done| Command::Shutdown { done });
    }

    async fn command(&self, command: impl FnOnce(Done) -> Command) -> io::Result<()> {
        let (done, result) = oneshot::channel();
        // Who does not wait any more needs no result.
        let done: Done = Box::new(move |result| drop(done.send(result)));
        self.commands.send(command(done)).map_err(|_| stopped())?;
        result.await.map_err(|_| stopped())?
    }

    fn command_blocking(&self, command: impl FnOnce(Done) -> Command) -> io::Result<()> {
        let (done, result) = mpsc::channel();
        let done: Done = Box::new(move |result| drop(done.send(result)));
        self.commands.send(command(done)).map_err(|_| stopped())?;
        result.recv().map_err(|_| stopped())?
    }

    /// Within a runtime: opens the ports.
    fn open(builder: ReceiverBuilder) -> Result<(Self, Supervisor), StartError> {
        let ports = builder.ports()?;
        let tls = builder.tls.map(|tls| tls.into_server_config()).transpose()?;
        let tls = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
        let (commands, commanded) = unbounded_channel();
        let changes = Arc::new(Changes::default());
        let shared = Shared {
            budget: MemoryBudget::new(builder.limits.in_flight_bytes),
            limits: builder.limits,
            count_only: builder.count_only,
            store: Store::new(builder.capacity, changes.clone()),
            rejected: Store::new(builder.capacity, changes.clone()),
            faults: Faults::new(changes.clone()),
            requests: Requests::new(changes),
            commands: commands.clone(),
        };
        let address = |index: usize| ports.get(index).or(ports.first()).map(|port| port.address());
        let receiver = Receiver {
            grpc: address(0).unwrap_or(builder.grpc),
            http: address(1).unwrap_or(builder.http),
            is_tls: tls.is_some(),
            store: shared.store.clone(),
            rejected: shared.rejected.clone(),
            faults: shared.faults.clone(),
            requests: shared.requests.clone(),
            commands,
            thread: None,
        };
        Ok((receiver, Supervisor::new(Arc::new(shared), ports, tls, commanded)))
    }
}

impl ReceiverBuilder {
    /// Starts the receiver on the current tokio runtime, which must have I/O and time enabled.
    ///
    /// # Errors
    /// [`StartError`] if an address cannot be listened on or the TLS configuration cannot be used.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn start(self) -> Result<Receiver, StartError> {
        let (receiver, supervisor) = Receiver::open(self)?;
        tokio::spawn(supervisor.run());
        Ok(receiver)
    }

    /// Starts the receiver on a thread and a runtime of its own. It needs no runtime of the caller and is not disturbed
    /// by one.
    ///
    /// # Errors
    /// [`StartError`] as for [`start`](Self::start), or if the thread cannot be started.
    pub fn start_blocking(self) -> Result<Receiver, StartError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(StartError::Thread)?;
        let (mut receiver, supervisor) = {
            let _entered = runtime.enter();
            Receiver::open(self)?
        };
        let thread = std::thread::Builder::new().name("otlp-receiver".to_owned());
        let thread = thread.spawn(move || runtime.block_on(supervisor.run())).map_err(StartError::Thread)?;
        receiver.thread = Some(thread);
        Ok(receiver)
    }
}

fn stopped() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "the receiver was stopped")
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // After a shutdown nobody listens any more.
        let _ = self.commands.send(Command::Stop);
        if let Some(thread) = self.thread.take() {
            // It has nothing to say: a panic of it was printed by the panic hook.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("grpc", &self.grpc_endpoint())
            .field("http", &self.http_endpoint())
            .field("store", &self.store)
            .field("faults", &self.faults)
            .finish_non_exhaustive()
    }
}
