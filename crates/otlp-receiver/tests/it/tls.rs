//! TLS and mutual TLS, from outside.

use std::sync::Arc;

use otlp_core::Signal;
use otlp_receiver::{Fault, Limits, Receiver, TlsConfig, TlsVersion};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use tokio::{io::AsyncReadExt, net::TcpStream};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{client::Client, messages};

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    /// Certificate and key, PEM.
    fn issue(&self) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }
}

async fn connect(
    receiver: &Receiver,
    authority: &Authority,
    client: Option<(String, String)>,
    alpn: &[u8],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match client {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
            builder.with_client_auth_cert(vec![certificate], key).unwrap()
        }
    };
    config.alpn_protocols = vec![alpn.to_vec()];
    let address = if alpn == b"h2" { receiver.grpc_address() } else { receiver.http_address() };
    let stream = TcpStream::connect(address).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
}

#[tokio::test]
async fn both_protocols_are_spoken_over_tls_and_no_plaintext() {
    let authority = Authority::new();
    let (certificate, key) = authority.issue();
    let limits = Limits::default();
    let receiver = Receiver::builder().tls(TlsConfig::new(certificate, key)).limits(limits).start().await.unwrap();
    assert!(receiver.grpc_endpoint().starts_with("https://"));

    let mut grpc = Client::http2_on(connect(&receiver, &authority, None, b"h2").await.unwrap()).await;
    let message = || messages::request(Signal::Traces, 0, 2);
    assert_eq!(grpc.grpc(Signal::Traces, message()).await.unwrap().grpc_status(), 0);
    let mut http = Client::http1_on(connect(&receiver, &authority, None, b"http/1.1").await.unwrap()).await;
    assert_eq!(http.http(Signal::Traces, message()).await.unwrap().status.as_u16(), 200);
    assert_eq!(receiver.store().count(Signal::Traces), 4);
    assert!(receiver.requests().recent().iter().all(|record| record.tls == Some(TlsVersion::Tls13)));

    receiver.faults().inject(Fault::reset().times(1));
    assert!(http.http(Signal::Traces, message()).await.unwrap_err().after_headers);

    let mut plaintext = Client::http1(receiver.http_address()).await;
    plaintext.http(Signal::Traces, message()).await.unwrap_err();
    assert_eq!(receiver.store().count(Signal::Traces), 4);
}

#[tokio::test]
async fn mutual_tls_lets_in_whom_the_authority_signed() {
    let (servers, clients) = (Authority::new(), Authority::new());
    let (certificate, key) = servers.issue();
    let tls = TlsConfig::new(certificate, key).with_client_authorities(clients.pem());
    let receiver = Receiver::builder().tls(tls).start().await.unwrap();

    let known = connect(&receiver, &servers, Some(clients.issue()), b"h2").await.unwrap();
    let reply = Client::http2_on(known).await.grpc(Signal::Logs, messages::request(Signal::Logs, 0, 1)).await.unwrap();
    assert_eq!(reply.grpc_status(), 0);

    for client in [None, Some(servers.issue())] {
        // With TLS 1.3 the client learns of it with its first read.
        if let Ok(mut stream) = connect(&receiver, &servers, client, b"http/1.1").await {
            let mut byte = [0];
            let error = stream.read_exact(&mut byte).await.unwrap_err();
            assert!(error.to_string().contains("alert"), "{error}");
        }
    }
    assert_eq!(receiver.requests().totals().requests, 1);
}
