//! Certificates that change in their files while the transport runs.

use std::{
    fs,
    sync::{Arc, Mutex},
};

use otlp_core::{Outcome, Signal};
use otlp_transport::{AnyTransport, ClientIdentity, EventHook, Protocol, TlsOptions, Transport, TransportEvent};

use crate::{
    directory::Directory,
    requests::{config, request, retryable},
    response::accepted,
    server::{Reply, Server},
    tls::Authority,
};

/// A transport with all its certificates in files, which opens a connection for each request, and what it said.
struct Rotating {
    directory: Directory,
    transport: AnyTransport,
    said: Arc<Mutex<Vec<TransportEvent>>>,
}

impl Rotating {
    fn start(server: &Server, trusts: &Authority, is_of: &Authority) -> Self {
        let directory = Directory::new();
        let said = Arc::new(Mutex::new(Vec::new()));
        let issued = is_of.issue("client");
        let ca = directory.file("ca.pem", &trusts.pem);
        let certificate = directory.file("client.pem", issued.certificate.pem());
        let key = directory.file("client.key", issued.key.serialize_pem());
        let mut config = config(&format!("https://{}", server.address));
        config.tls =
            Some(TlsOptions::new().with_ca_file(ca).with_identity(ClientIdentity::from_files(certificate, key)));
        config.max_idle_connections = Some(0);
        let heard = said.clone();
        config.events = EventHook::new(move |event| heard.lock().unwrap().push(event.clone()));
        Rotating { directory, transport: AnyTransport::new(Protocol::Grpc, config).unwrap(), said }
    }

    /// Puts a new identity in place of the old.
    fn identify(&self, authority: &Authority) {
        let issued = authority.issue("client");
        self.directory.file("client.pem", issued.certificate.pem());
        self.directory.file("client.key", issued.key.serialize_pem());
    }

    async fn send(&self) -> Outcome {
        self.transport.send(&request(Signal::Traces, 1)).await
    }

    fn said(&self) -> Vec<TransportEvent> {
        std::mem::take(&mut *self.said.lock().unwrap())
    }
}

/// A server whose certificate `authority` issued, and that lets in whom it issued one.
async fn server_of(authority: &Authority) -> Server {
    let tls = authority.server("127.0.0.1", &["h2"], true);
    Server::start_tls(tls, |_| Reply::Respond(accepted(Protocol::Grpc))).await
}

#[tokio::test]
async fn a_rotated_authority_and_identity_serve_the_next_connection() {
    let (old, new) = (Authority::new(), Authority::new());
    let server = server_of(&new).await;
    let rotating = Rotating::start(&server, &old, &old);
    assert!(retryable(rotating.send().await).error.message().contains("is not trusted"));
    rotating.directory.file("ca.pem", &new.pem);
    assert!(retryable(rotating.send().await).error.message().contains("client certificate"));
    rotating.identify(&new);
    assert_eq!(rotating.send().await, Outcome::delivered());
    assert_eq!(rotating.send().await, Outcome::delivered());
    let said = rotating.said();
    assert_eq!(said.len(), 2, "once for each change: {said:?}");
    assert!(said.iter().all(|event| matches!(event, TransportEvent::TlsReloaded { files } if files.len() == 3)));
    assert!(!said[0].is_warning());
}

#[tokio::test]
async fn broken_and_vanished_files_leave_what_was_in_force_and_are_told_once() {
    let authority = Authority::new();
    let server = server_of(&authority).await;
    let rotating = Rotating::start(&server, &authority, &authority);
    let path = rotating.directory.file("client.pem", "hunter2");
    for (damage, says) in [
        (Box::new(|| fs::write(&path, "hunter2").unwrap()) as Box<dyn Fn()>, "no certificate found"),
        (Box::new(|| fs::write(&path, authority.issue("other").certificate.pem()).unwrap()), "do not fit together"),
        (Box::new(|| fs::remove_file(&path).unwrap()), "cannot read"),
        (Box::new(|| fs::create_dir(&path).unwrap()), "it is no file"),
    ] {
        damage();
        for _ in 0..3 {
            assert_eq!(rotating.send().await, Outcome::delivered(), "{says}");
        }
        let said = rotating.said();
        assert_eq!(said.len(), 1, "{said:?}");
        let message = said[0].to_string();
        assert!(said[0].is_warning() && message.contains(says) && !message.contains("hunter2"), "{message}");
    }
    fs::remove_dir(&path).unwrap();
    rotating.identify(&authority);
    assert_eq!(rotating.send().await, Outcome::delivered());
    assert!(matches!(rotating.said()[..], [TransportEvent::TlsReloaded { .. }]));
}

#[tokio::test]
async fn open_connections_live_on_over_a_rotation() {
    let authority = Authority::new();
    let server = server_of(&authority).await;
    let directory = Directory::new();
    let issued = authority.issue("client");
    let certificate = directory.file("client.pem", issued.certificate.pem());
    let key = directory.file("client.key", issued.key.serialize_pem());
    let mut config = config(&format!("https://{}", server.address));
    let identity = ClientIdentity::from_files(certificate, key);
    config.tls = Some(TlsOptions::new().with_ca_pem(authority.pem.as_str()).with_identity(identity));
    let transport = AnyTransport::new(Protocol::Grpc, config).unwrap();
    assert_eq!(transport.send(&request(Signal::Traces, 1)).await, Outcome::delivered());
    directory.file("client.pem", Authority::new().issue("client").certificate.pem());
    assert_eq!(transport.send(&request(Signal::Traces, 1)).await, Outcome::delivered());
    assert_eq!(server.accepts(), 1);
}
