//! Agents behind `https`: whom we trust, and who we are.

use std::{path::PathBuf, sync::Arc};

use otlp_discovery::{ConsulConfig, ConsulResolver};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer},
    server::WebPkiClientVerifier,
};
use tokio_rustls::TlsAcceptor;

use super::{replay::Replay, until, until_failed, until_found, watched};

/// A certificate authority, and a folder with the files of a client, gone with it.
struct Authority {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
    folder: PathBuf,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let folder = std::env::temp_dir().join(format!("otlp-consul-tls-{:016x}", fastrand::u64(..)));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("ca.pem"), certificate.pem()).unwrap();
        let authority = Authority { certificate: certificate.der().clone(), issuer: Issuer::new(params, key), folder };
        let (client, key) = authority.issue("client");
        std::fs::write(authority.file("client.pem"), client.pem()).unwrap();
        std::fs::write(authority.file("client.key"), key.serialize_pem()).unwrap();
        authority
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn issue(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }

    /// An agent at 127.0.0.1 that lets in who has a certificate of this authority.
    async fn agent(&self, recording: &str) -> Replay {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone()).build().unwrap();
        let (certificate, key) = self.issue("127.0.0.1");
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
            .unwrap();
        Replay::start_tls(recording, TlsAcceptor::from(Arc::new(config))).await
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn at(agent: &Replay) -> ConsulConfig {
    ConsulConfig::new(agent.url().replace("http://", "https://"))
}

#[tokio::test]
async fn an_agent_is_trusted_by_its_authority_and_trusts_us_by_our_certificate() {
    let authority = Authority::new();
    let agent = authority.agent(include_str!("recorded/growth.http")).await;
    let config = at(&agent)
        .with_ca_file(authority.file("ca.pem"))
        .with_client_certificate(authority.file("client.pem"), authority.file("client.key"));
    let (_running, mut found) = watched(ConsulResolver::new(&config).unwrap(), "checkout");
    until_found(&mut found, &["10.0.0.2:8081"]).await;
    agent.finish().await;
}

#[tokio::test]
async fn an_agent_of_another_authority_and_one_that_wants_a_certificate_are_not_asked() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let agent = authority.agent("").await;
    let config = at(&agent).with_ca_file(stranger.file("ca.pem"));
    let (_running, mut found) = watched(ConsulResolver::new(&config).unwrap(), "checkout");
    let failure = until_failed(&mut found).await;
    assert!(failure.contains("cannot be reached") && failure.contains("invalid peer certificate"), "{failure}");

    let config = at(&agent).with_ca_file(authority.file("ca.pem"));
    let (_running, mut found) = watched(ConsulResolver::new(&config).unwrap(), "checkout");
    until_failed(&mut found).await;
    let is_so = |all: &Vec<String>| all.iter().any(|one| one.contains("peer sent no certificates"));
    until(&mut agent.refused(), "refused for want of a certificate", is_so).await;

    let plain = agent.url();
    let (_running, mut found) = watched(ConsulResolver::new(&ConsulConfig::new(plain)).unwrap(), "checkout");
    until_failed(&mut found).await;
}

#[test]
fn files_that_are_no_certificates_are_refused_by_name() {
    let authority = Authority::new();
    let garbage = authority.file("garbage.pem");
    std::fs::write(&garbage, "-----BEGIN CERTIFICATE-----\nhunter2\n-----END CERTIFICATE-----\n").unwrap();
    let empty = authority.file("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let other = authority.issue("other").1;
    std::fs::write(authority.file("other.key"), other.serialize_pem()).unwrap();
    let config = || ConsulConfig::new("https://127.0.0.1:1").with_ca_file(authority.file("ca.pem"));
    let (chain, key) = (authority.file("client.pem"), authority.file("client.key"));
    let rows = [
        (config().with_ca_file(&garbage), "consul_ca_file", "garbage.pem"),
        (config().with_ca_file(&empty), "consul_ca_file", "no certificate is in it"),
        (config().with_client_certificate(&empty, &key), "consul_client_certificate", "no certificate is in it"),
        (config().with_client_certificate(&chain, &garbage), "consul_client_certificate", "no key is in it"),
        (config().with_client_certificate(&chain, authority.file("other.key")), "consul_client_certificate", "fits it"),
        (ConsulConfig::new("http://h").with_ca_file(authority.file("ca.pem")), "consul_ca_file", "https:// endpoint"),
        (ConsulConfig::new("http://h").with_client_certificate(chain, key), "consul_client_certificate", "https://"),
    ];
    for (config, field, says) in rows {
        let error = ConsulResolver::new(&config).unwrap_err();
        assert_eq!(error.field(), field, "{error}");
        assert!(error.to_string().contains(says) && !error.to_string().contains("hunter2"), "{error}");
    }
}
