//! An HTTP server on a port of its own, which ends when its owner says so.

use std::{io, net::SocketAddr};

use axum::Router;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

/// A running server. Dropping it ends it at once; [`Server::stop`] lets requests under way end first.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: AbortOnDrop,
}

impl Server {
    /// Serves `router` on `listen`; port 0 takes one from the kernel.
    ///
    /// # Errors
    ///
    /// The address cannot be listened on.
    pub async fn start(listen: SocketAddr, router: Router) -> io::Result<Self> {
        let refused = |error: io::Error| io::Error::new(error.kind(), format!("cannot listen on {listen}: {error}"));
        let listener = TcpListener::bind(listen).await.map_err(refused)?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let serve = axum::serve(listener, router).with_graceful_shutdown(async {
            // Dropped without a word means the same: there is nobody left to serve for.
            let _ = stopped.await;
        });
        let task = AbortOnDrop(tokio::spawn(async move { serve.await }));
        Ok(Server { address, stop, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://` and the address, for clients.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Takes no further connections and waits for the requests under way. Whoever serves must see to it that they end:
    /// the checkout's do, because each has a deadline.
    ///
    /// # Errors
    ///
    /// The server had ended before, and why.
    pub async fn stop(mut self) -> io::Result<()> {
        let _ = self.stop.send(());
        (&mut self.task.0).await.unwrap_or_else(|error| Err(io::Error::other(error)))
    }
}

#[derive(Debug)]
struct AbortOnDrop(JoinHandle<io::Result<()>>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
