//! How a receiver is set up.

use std::net::{Ipv4Addr, SocketAddr};

use crate::{
    Limits, StartError, StoreCapacity, TlsConfig,
    server::{Port, Speaks},
};

/// Sets a [`Receiver`](crate::Receiver) up: [`Receiver::builder`](crate::Receiver::builder).
#[derive(Debug, Clone)]
#[must_use = "a receiver runs only once it is started"]
pub struct ReceiverBuilder {
    pub(crate) grpc: SocketAddr,
    pub(crate) http: SocketAddr,
    pub(crate) shared_port: bool,
    pub(crate) tls: Option<TlsConfig>,
    pub(crate) limits: Limits,
    pub(crate) capacity: StoreCapacity,
    pub(crate) count_only: bool,
}

impl Default for ReceiverBuilder {
    fn default() -> Self {
        let any_port = (Ipv4Addr::LOCALHOST, 0).into();
        ReceiverBuilder {
            grpc: any_port,
            http: any_port,
            shared_port: false,
            tls: None,
            limits: Limits::default(),
            capacity: StoreCapacity::default(),
            count_only: false,
        }
    }
}

impl ReceiverBuilder {
    /// Where gRPC is spoken. Default: `127.0.0.1`, a port that the kernel gives.
    pub fn grpc_address(self, address: SocketAddr) -> Self {
        ReceiverBuilder { grpc: address, shared_port: false, ..self }
    }

    /// Where HTTP is spoken. Default: `127.0.0.1`, a port that the kernel gives.
    pub fn http_address(self, address: SocketAddr) -> Self {
        ReceiverBuilder { http: address, shared_port: false, ..self }
    }

    /// One port for both, told apart by the first bytes and the content type. Both endpoints are the same then.
    pub fn shared_address(self, address: SocketAddr) -> Self {
        ReceiverBuilder { grpc: address, http: address, shared_port: true, ..self }
    }

    /// Speaks TLS on all ports, and nothing else. Default: plaintext.
    pub fn tls(self, tls: TlsConfig) -> Self {
        ReceiverBuilder { tls: Some(tls), ..self }
    }

    /// What is taken at most.
    pub fn limits(self, limits: Limits) -> Self {
        ReceiverBuilder { limits, ..self }
    }

    /// What is kept at most, once for the store and once for what was rejected.
    pub fn store_capacity(self, capacity: StoreCapacity) -> Self {
        ReceiverBuilder { capacity, ..self }
    }

    /// Counts items and drops them undecoded: for benchmarks. A request is then checked no further than counting
    /// needs, and the store has counts alone.
    pub fn count_only(self, count_only: bool) -> Self {
        ReceiverBuilder { count_only, ..self }
    }

    /// Opens the ports.
    pub(crate) fn ports(&self) -> Result<Vec<Port>, StartError> {
        let open = |address, speaks| Port::open(address, speaks).map_err(|error| StartError::Listen { address, error });
        if self.shared_port {
            return Ok(vec![open(self.grpc, Speaks::Both)?]);
        }
        Ok(vec![open(self.grpc, Speaks::Grpc)?, open(self.http, Speaks::Http)?])
    }
}
