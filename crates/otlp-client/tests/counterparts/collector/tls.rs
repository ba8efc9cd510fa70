//! A Collector that lets in only whom its authority knows.

use std::{fs, path::Path};

use otlp_reliability::RetryPolicy;
use otlp_transport::{ClientIdentity, Protocol, TlsOptions};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};

use super::Collector;
use crate::{
    client::{DEADLINE, Kept, builder},
    server::Folder,
    telemetry::record,
};

const PROTOCOLS: [Protocol; 3] = [Protocol::Grpc, Protocol::HttpProtobuf, Protocol::HttpJson];

/// A certificate authority.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Authority { pem: params.self_signed(&key).unwrap().pem(), issuer: Issuer::new(params, key) }
    }

    /// Writes the certificate `NAME.pem` and its key `NAME.key`.
    fn issue(&self, folder: &Path, name: &str, usage: ExtendedKeyUsagePurpose) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        params.extended_key_usages = vec![usage];
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        fs::write(folder.join(format!("{name}.pem")), certificate.pem()).unwrap();
        fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
    }
}

/// A folder with certificates, and a Collector that wants those of `ca.pem`.
fn secured() -> Option<(Folder, Collector)> {
    let (folder, authority) = (Folder::new(), Authority::new());
    fs::write(folder.0.join("ca.pem"), &authority.pem).unwrap();
    authority.issue(&folder.0, "server", ExtendedKeyUsagePurpose::ServerAuth);
    authority.issue(&folder.0, "client", ExtendedKeyUsagePurpose::ClientAuth);
    Authority::new().issue(&folder.0, "stranger", ExtendedKeyUsagePurpose::ClientAuth);
    let file = |name: &str| folder.0.join(name);
    let (certificate, key, ca) = (file("server.pem"), file("server.key"), file("ca.pem"));
    let tls = format!(", tls: {{ cert_file: {certificate:?}, key_file: {key:?}, client_ca_file: {ca:?} }}");
    let collector = Collector::start(&tls)?;
    Some((folder, collector))
}

/// The TLS of a client that trusts the Collector and says that it is `name`.
fn being(name: &str, folder: &Folder) -> TlsOptions {
    let file = |ending| folder.0.join(format!("{name}.{ending}"));
    let identity = ClientIdentity::from_files(file("pem"), file("key"));
    TlsOptions::new().with_ca_file(folder.0.join("ca.pem")).with_identity(identity)
}

#[test]
fn whoever_it_knows_is_let_in() {
    let Some((certificates, mut collector)) = secured() else { return };
    let kept = Kept::default();
    for protocol in PROTOCOLS {
        let (builder, said) = builder(format!("https://{}", collector.address(protocol)));
        let client = builder
            .with_protocol(protocol)
            .with_encryption_required(true)
            .with_tls(being("client", &certificates))
            .with_custom_exporter(Box::new(kept.clone()))
            .build_blocking()
            .unwrap();
        record(&client, 20);
        let report = client.shutdown_blocking(DEADLINE);
        assert!(report.complete && report.ledgers[0].lost() == 0, "{report}{:?}", said.lock());
    }
    kept.take().assert_equals(&collector.received());
}

#[test]
fn a_stranger_and_one_without_a_certificate_are_refused_and_told_why() {
    let Some((certificates, mut collector)) = secured() else { return };
    let nobody = TlsOptions::new().with_ca_file(certificates.0.join("ca.pem"));
    for tls in [being("stranger", &certificates), nobody] {
        for protocol in PROTOCOLS {
            let (builder, said) = builder(format!("https://{}", collector.address(protocol)));
            let client = builder
                .with_protocol(protocol)
                .with_tls(tls.clone())
                .with_retry_policy(RetryPolicy::new().with_max_attempts(2))
                .build_blocking()
                .unwrap();
            client.tracer("shop").start("pay").end();
            let report = client.shutdown_blocking(DEADLINE);
            let traces = &report.ledgers[0].traces;
            assert_eq!((traces.delivered, report.ledgers[0].lost()), (0, 1), "{report}");
            assert!(report.ledgers[0].balances(), "{report}");
            let said = said.lock().join("\n");
            assert!(said.to_lowercase().contains("certificate"), "{protocol:?}: {said}");
        }
    }
    assert_eq!(collector.received().counts(), [0; 3]);
}

#[test]
fn a_collector_of_another_authority_is_not_trusted() {
    let Some((_certificates, mut collector)) = secured() else { return };
    let (builder, said) = builder(format!("https://{}", collector.address(Protocol::Grpc)));
    let client = builder
        .with_grpc_transport()
        .with_tls(TlsOptions::new().with_ca_pem(Authority::new().pem))
        .with_retry_policy(RetryPolicy::new().with_max_attempts(2))
        .build_blocking()
        .unwrap();
    client.tracer("shop").start("pay").end();
    let report = client.shutdown_blocking(DEADLINE);
    assert_eq!((report.ledgers[0].traces.delivered, report.ledgers[0].lost()), (0, 1), "{report}");
    assert!(said.lock().join("\n").contains("certificate"), "{said:?}");
    assert_eq!(collector.received().counts(), [0; 3]);
}
