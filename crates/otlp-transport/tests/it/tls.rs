//! TLS: trust, identity, negotiation, and plaintext where TLS is meant or the reverse.

use std::sync::Arc;

use otlp_core::{ErrorKind, Outcome, Signal};
use otlp_transport::{
    AnyTransport, ClientIdentity, ConfigError, Protocol, TlsOptions, TlsVersion, Transport, TransportConfig,
};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    RootCertStore, ServerConfig, SupportedProtocolVersion, pki_types::PrivateKeyDer, server::WebPkiClientVerifier,
};

use crate::{
    directory::Directory,
    requests::{config, request, retryable, transport},
    response::accepted,
    server::{Reply, Server},
};

const PROTOCOLS: [Protocol; 3] = [Protocol::Grpc, Protocol::HttpProtobuf, Protocol::HttpJson];

/// A certificate authority.
pub(crate) struct Authority {
    pub(crate) pem: String,
    der: rustls::pki_types::CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate that an authority issued, and its key.
pub(crate) struct Issued {
    pub(crate) certificate: rcgen::Certificate,
    pub(crate) key: KeyPair,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Authority { pem: certificate.pem(), der: certificate.der().clone(), issuer: Issuer::new(params, key) }
    }

    pub(crate) fn issue(&self, name: &str) -> Issued {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        Issued { certificate: params.signed_by(&key, &self.issuer).unwrap(), key }
    }

    /// A server for `name` that speaks these protocols, and asks for client certificates of this authority if `mutual`.
    pub(crate) fn server(&self, name: &str, alpn: &[&str], mutual: bool) -> Arc<ServerConfig> {
        self.server_of(rustls::ALL_VERSIONS, name, alpn, mutual)
    }

    /// The same, with these versions of TLS.
    fn server_of(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        name: &str,
        alpn: &[&str],
        mutual: bool,
    ) -> Arc<ServerConfig> {
        let issued = self.issue(name);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone()).with_protocol_versions(versions).unwrap();
        let builder = if mutual {
            let mut roots = RootCertStore::empty();
            roots.add(self.der.clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivateKeyDer::try_from(issued.key.serialize_der()).unwrap();
        let mut config = builder.with_single_cert(vec![issued.certificate.der().clone()], key).unwrap();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    }

    /// What a client needs to trust this authority.
    fn trusted(&self) -> TlsOptions {
        TlsOptions::new().with_ca_pem(self.pem.as_str())
    }

    fn identity(&self) -> ClientIdentity {
        let issued = self.issue("client");
        ClientIdentity::from_pem(issued.certificate.pem(), issued.key.serialize_pem())
    }
}

fn secure(server: &Server, tls: TlsOptions) -> TransportConfig {
    let mut config = config(&format!("https://127.0.0.1:{}", server.address.port()));
    config.tls = Some(tls);
    config
}

async fn send(protocol: Protocol, config: TransportConfig) -> Outcome {
    AnyTransport::new(protocol, config).unwrap().send(&request(Signal::Traces, 3)).await
}

#[tokio::test]
async fn a_trusted_receiver_is_delivered_to() {
    let authority = Authority::new();
    for protocol in PROTOCOLS {
        let tls = authority.server("127.0.0.1", &["h2", "http/1.1"], false);
        let server = Server::start_tls(tls, move |_| Reply::Respond(accepted(protocol))).await;
        let transport = AnyTransport::new(protocol, secure(&server, authority.trusted())).unwrap();
        for _ in 0..3 {
            assert_eq!(transport.send(&request(Signal::Traces, 3)).await, Outcome::delivered());
        }
        assert_eq!(server.seen()[0].version, http::Version::HTTP_2, "negotiated for HTTP, too");
        assert_eq!(server.accepts(), 1);
    }
}

#[tokio::test]
async fn http1_is_spoken_where_the_receiver_wants_it() {
    let authority = Authority::new();
    for alpn in [&["http/1.1"][..], &[]] {
        let tls = authority.server("127.0.0.1", alpn, false);
        let server = Server::start_tls(tls, |_| Reply::Respond(accepted(Protocol::HttpProtobuf))).await;
        let transport = AnyTransport::new(Protocol::HttpProtobuf, secure(&server, authority.trusted())).unwrap();
        for _ in 0..3 {
            assert_eq!(transport.send(&request(Signal::Traces, 3)).await, Outcome::delivered());
        }
        assert_eq!(server.seen()[0].version, http::Version::HTTP_11);
        assert_eq!(server.accepts(), 1);
    }
}

#[tokio::test]
async fn grpc_needs_http2() {
    let authority = Authority::new();
    let tls = authority.server("127.0.0.1", &["http/1.1"], false);
    let server = Server::start_tls(tls, |_| Reply::Silence).await;
    let failure = retryable(send(Protocol::Grpc, secure(&server, authority.trusted())).await);
    assert!(!failure.acknowledgement_lost);
    assert!(failure.error.message().contains("does not speak HTTP/2"), "{}", failure.error);
}

#[tokio::test]
async fn a_receiver_that_is_not_trusted_gets_nothing() {
    let authority = Authority::new();
    for protocol in PROTOCOLS {
        let tls = authority.server("127.0.0.1", &["h2", "http/1.1"], false);
        let server = Server::start_tls(tls, |_| Reply::Silence).await;
        for trusted in [Authority::new().trusted(), TlsOptions::default()] {
            let failure = retryable(send(protocol, secure(&server, trusted)).await);
            assert_eq!(failure.error.kind(), ErrorKind::Network);
            assert!(!failure.acknowledgement_lost);
            let message = failure.error.message();
            assert!(message.contains("is not trusted") || message.contains("no certificate authorities"), "{message}");
        }
        assert_eq!(server.seen().len(), 0);
    }
}

#[tokio::test]
async fn the_name_in_the_certificate_counts() {
    let authority = Authority::new();
    let tls = authority.server("collector.internal", &["h2"], false);
    let server = Server::start_tls(tls, |_| Reply::Respond(accepted(Protocol::Grpc))).await;
    let failure = retryable(send(Protocol::Grpc, secure(&server, authority.trusted())).await);
    assert!(failure.error.message().contains("is not trusted"), "{}", failure.error);
    let trusted = authority.trusted().with_server_name("collector.internal");
    assert_eq!(send(Protocol::Grpc, secure(&server, trusted)).await, Outcome::delivered());
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_receivers_that_want_one() {
    let authority = Authority::new();
    for protocol in PROTOCOLS {
        let tls = authority.server("127.0.0.1", &["h2", "http/1.1"], true);
        let server = Server::start_tls(tls, move |_| Reply::Respond(accepted(protocol))).await;
        let trusted = authority.trusted().with_identity(authority.identity());
        assert_eq!(send(protocol, secure(&server, trusted)).await, Outcome::delivered());
    }
}

#[tokio::test]
async fn a_missing_or_foreign_client_certificate_is_told_and_nothing_is_lost() {
    let authority = Authority::new();
    for protocol in PROTOCOLS {
        let tls = authority.server("127.0.0.1", &["h2", "http/1.1"], true);
        let server = Server::start_tls(tls, |_| Reply::Silence).await;
        for identity in [None, Some(Authority::new().identity())] {
            let trusted = authority.trusted();
            let trusted = match identity {
                Some(identity) => trusted.with_identity(identity),
                None => trusted,
            };
            let failure = retryable(send(protocol, secure(&server, trusted)).await);
            assert_eq!(failure.error.kind(), ErrorKind::Network);
            assert!(!failure.acknowledgement_lost, "{}", failure.error);
            assert!(failure.error.message().contains("client certificate"), "{}", failure.error);
        }
        assert_eq!(server.seen().len(), 0);
    }
}

#[tokio::test]
async fn a_version_below_the_minimum_is_not_spoken() {
    let authority = Authority::new();
    for protocol in PROTOCOLS {
        let tls = authority.server_of(&[&rustls::version::TLS12], "127.0.0.1", &["h2", "http/1.1"], false);
        let server = Server::start_tls(tls, move |_| Reply::Respond(accepted(protocol))).await;
        let outcome = send(protocol, secure(&server, authority.trusted().with_min_version(TlsVersion::Tls13))).await;
        let failure = retryable(outcome);
        assert!(!failure.acknowledgement_lost);
        assert!(failure.error.message().contains("no version of TLS that is accepted"), "{}", failure.error);
        assert_eq!(server.seen().len(), 0);
        let outcome = send(protocol, secure(&server, authority.trusted().with_min_version(TlsVersion::Tls12))).await;
        assert_eq!(outcome, Outcome::delivered());
    }
}

#[test]
fn plaintext_is_refused_by_name_where_encryption_is_required() {
    for (protocol, url, insecure) in [
        (Protocol::HttpProtobuf, "http://collector:4318", false),
        (Protocol::Grpc, "http://collector:4317", false),
        (Protocol::Grpc, "collector:4317", true),
    ] {
        let mut config = config(url);
        config.require_tls = true;
        config.insecure = insecure;
        let error = AnyTransport::new(protocol, config.clone()).unwrap_err();
        assert!(matches!(error, ConfigError::PlaintextRefused { .. }), "{error}");
        assert!(error.to_string().contains("collector:431") && error.to_string().contains("use https://"), "{error}");
        config.require_tls = false;
        assert!(AnyTransport::new(protocol, config).is_ok());
    }
    let mut config = config("https://collector:4318");
    config.require_tls = true;
    assert!(AnyTransport::new(Protocol::HttpProtobuf, config).is_ok());
}

/// The system's authorities are what `SSL_CERT_FILE` names, and a process has its variables from its start: the test that
/// needs them runs in a process of its own.
#[tokio::test]
async fn given_and_system_authorities_are_trusted_together_or_apart() {
    let (given, system) = (Authority::new(), Authority::new());
    let start = async |authority: &Authority| {
        let tls = authority.server("127.0.0.1", &["h2"], false);
        Server::start_tls(tls, |_| Reply::Respond(accepted(Protocol::Grpc))).await
    };
    let (of_given, of_system) = (start(&given).await, start(&system).await);
    let directory = Directory::new();
    let status = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", "tls::child_that_trusts_a_file_as_its_system"])
        .env("SSL_CERT_FILE", directory.file("system.pem", &system.pem))
        .env("OTLP_TEST_CA", directory.file("given.pem", &given.pem))
        .env("OTLP_TEST_ADDRESSES", format!("{} {}", of_given.address, of_system.address))
        .output()
        .await
        .unwrap();
    assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stdout));
    assert_eq!((of_given.seen().len(), of_system.seen().len()), (2, 2));
}

#[tokio::test]
#[ignore = "run by given_and_system_authorities_are_trusted_together_or_apart"]
async fn child_that_trusts_a_file_as_its_system() {
    let ca = std::env::var("OTLP_TEST_CA").unwrap();
    let addresses = std::env::var("OTLP_TEST_ADDRESSES").unwrap();
    let (of_given, of_system) = addresses.split_once(' ').unwrap();
    for (tls, trusts_given, trusts_system) in [
        (TlsOptions::new(), false, true),
        (TlsOptions::new().with_ca_file(&ca), true, false),
        (TlsOptions::new().with_ca_file(&ca).with_system_roots(), true, true),
    ] {
        for (address, is_trusted) in [(of_given, trusts_given), (of_system, trusts_system)] {
            let mut config = config(&format!("https://{address}"));
            config.tls = Some(tls.clone());
            assert_eq!(send(Protocol::Grpc, config).await == Outcome::delivered(), is_trusted, "{tls:?} {address}");
        }
    }
}

#[tokio::test]
async fn https_to_a_plaintext_port_is_never_plaintext_and_says_so() {
    let authority = Authority::new();
    for protocol in PROTOCOLS {
        let server = Server::accepting(protocol).await;
        let failure = retryable(send(protocol, secure(&server, authority.trusted())).await);
        assert_eq!(failure.error.kind(), ErrorKind::Network);
        assert!(!failure.acknowledgement_lost);
        assert_eq!(server.seen().len(), 0);
        assert!(failure.error.message().contains("does not speak TLS"), "{}", failure.error);
    }
}

#[tokio::test]
async fn http_to_a_tls_port_says_so() {
    let authority = Authority::new();
    for protocol in PROTOCOLS {
        let tls = authority.server("127.0.0.1", &["h2", "http/1.1"], false);
        let server = Server::start_tls(tls, |_| Reply::Silence).await;
        let failure = retryable(transport(protocol, &server.url()).send(&request(Signal::Traces, 3)).await);
        assert!(failure.error.message().contains("use https://"), "{}", failure.error);
        assert_eq!(server.seen().len(), 0);
    }
}

#[test]
fn unusable_settings_are_refused_by_name_and_without_their_content() {
    let authority = Authority::new();
    let fails = |url: &str, tls: TlsOptions| {
        let mut config = config(url);
        config.tls = Some(tls);
        AnyTransport::new(Protocol::HttpProtobuf, config).unwrap_err().to_string()
    };
    let https = "https://localhost:4318";
    let error = fails(https, TlsOptions::new().with_ca_pem("hunter2"));
    assert!(error.starts_with("CA certificate: no certificate found") && !error.contains("hunter2"), "{error}");
    let issued = authority.issue("client");
    let identity = |key: &str| TlsOptions::new().with_identity(ClientIdentity::from_pem(issued.certificate.pem(), key));
    let error = fails(https, identity("hunter2"));
    assert!(error.starts_with("client key: no private key found") && !error.contains("hunter2"), "{error}");
    let error = fails(https, identity(&authority.issue("client").key.serialize_pem()));
    assert!(error.contains("do not fit together"), "{error}");
    let error = fails(https, TlsOptions::new().with_server_name("not a name"));
    assert!(error.starts_with("server_name: \"not a name\""), "{error}");
    let error = fails(https, TlsOptions::new().with_ca_file("/no/such.pem"));
    assert!(error.starts_with("CA certificate: cannot read /no/such.pem: "), "{error}");
    let error = fails(https, TlsOptions::new().with_ca_file("/"));
    assert!(error.starts_with("CA certificate: cannot read /: it is no file"), "{error}");
    let error = fails("http://localhost:4318", TlsOptions::new());
    assert!(error.contains("use https://"), "{error}");
}
