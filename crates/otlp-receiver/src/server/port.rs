//! One port: listening, or held while it does not.
//!
//! A port that is closed for a while stays bound by a socket that does not listen. Connections to it are refused as if
//! nothing was there, yet the kernel gives it to nobody else: not to another program, and not as the local port of a
//! client that tries to reconnect, which would connect to itself.

use std::{
    io,
    net::SocketAddr,
    task::{Context, Poll},
};

use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// How many connections the kernel holds that were not accepted yet.
const BACKLOG: u32 = 1024;
/// How often a port is tried to be held after it was closed; only a program that took it in between is in the way.
const HOLD_ATTEMPTS: usize = 100;

/// What is spoken on a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaks {
    Grpc,
    Http,
    Both,
}

impl Speaks {
    pub(crate) fn grpc(self) -> bool {
        self != Speaks::Http
    }

    pub(crate) fn http(self) -> bool {
        self != Speaks::Grpc
    }
}

pub(crate) struct Port {
    address: SocketAddr,
    speaks: Speaks,
    state: State,
}

enum State {
    Listening(TcpListener),
    Held(TcpSocket),
    /// Between both, or where holding failed.
    Closed,
}

impl Port {
    /// Binds and listens.
    pub(crate) fn open(address: SocketAddr, speaks: Speaks) -> io::Result<Self> {
        let listener = bind(address)?.listen(BACKLOG)?;
        Ok(Port { address: listener.local_addr()?, speaks, state: State::Listening(listener) })
    }

    /// The address, with the port that the kernel gave.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn speaks(&self) -> Speaks {
        self.speaks
    }

    /// Refuses connections from now on.
    pub(crate) fn close(&mut self) {
        if let State::Listening(listener) = std::mem::replace(&mut self.state, State::Closed) {
            // A listening socket lets nobody bind beside it, so it goes first.
            drop(listener);
        }
        let held = || bind(self.address).ok();
        if let (State::Closed, Some(socket)) = (&self.state, (0..HOLD_ATTEMPTS).find_map(|_| held())) {
            self.state = State::Held(socket);
        }
    }

    /// Accepts connections again, on the same port.
    pub(crate) fn reopen(&mut self) -> io::Result<()> {
        let socket = match std::mem::replace(&mut self.state, State::Closed) {
            State::Listening(listener) => {
                self.state = State::Listening(listener);
                return Ok(());
            }
            State::Held(socket) => socket,
            State::Closed => bind(self.address)?,
        };
        self.state = State::Listening(socket.listen(BACKLOG)?);
        Ok(())
    }

    pub(crate) fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<TcpStream>> {
        match &self.state {
            State::Listening(listener) => listener.poll_accept(context).map_ok(|(stream, _)| stream),
            State::Held(_) | State::Closed => Poll::Pending,
        }
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Connections of the past that linger must not keep the port from us. (On Windows the option means something else,
    // and they do not.)
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[tokio::test]
    async fn a_closed_port_refuses_and_comes_back_as_the_same() {
        let mut port = Port::open((Ipv4Addr::LOCALHOST, 0).into(), Speaks::Both).unwrap();
        let address = port.address();
        assert!(TcpStream::connect(address).await.is_ok());
        port.close();
        assert!(matches!(port.state, State::Held(_)));
        let refused = TcpStream::connect(address).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        port.reopen().unwrap();
        assert!(TcpStream::connect(address).await.is_ok());
    }
}
