use super::{PATIENCE, VERIFICATION, target, uid};
use crate::dicom::dimse::Command;
use crate::pki::ca::{self, Ca, Order};
use crate::pki::{Expected, Mode, SessionLimits, TlsFiles, TlsMaterial, client_config, server_config};
use crate::policy::model::CertificatePattern;
use crate::scu::{Answerer, Ask, Link, LinkFault, Target};
use std::path::Path;

fn material(folder: &Path, name: &str, now: i64) -> TlsMaterial {
    let files = TlsFiles {
        certificate: folder.join(format!("{name}.crt")),
        private_key: folder.join(format!("{name}.key")),
        client_ca: Some(folder.join("ca.crt")),
        ..TlsFiles::default()
    };
    TlsMaterial::load(&files, now).unwrap()
}

#[tokio::test]
async fn over_tls_the_certificate_must_be_the_one_expected() {
    let folder = tempfile::tempdir().unwrap();
    let now = jiff::Timestamp::now().as_second();
    ca::new_ca(folder.path(), "Hospital DICOM CA", now).unwrap();
    let ca = Ca::open(folder.path()).unwrap();
    for name in ["gateway", "ws1"] {
        let dns = vec![format!("{name}.hospital.example")];
        let order = Order { name: name.into(), dns, ip: Vec::new(), server: true, days: 10, renew: false };
        ca.issue(&order, now).unwrap();
    }
    let server = server_config(&material(folder.path(), "ws1", now), Mode::Mutual, SessionLimits::default()).unwrap();
    let answerer = Answerer::listen("127.0.0.1:0".parse().unwrap(), Some(server), PATIENCE).unwrap();
    let address = answerer.address().to_string();
    let ours = material(folder.path(), "gateway", now);
    let open = async |name: &str| {
        let pattern = Some(CertificatePattern::Dns(name.into()));
        let tls = client_config(&ours, Expected::ours(pattern)).unwrap();
        Link::open(&Target { tls: Some(tls), ..target(&address) }, &[Ask::plain(uid(VERIFICATION))]).await
    };
    let mut link = open("ws1.hospital.example").await.unwrap();
    link.call(1, &Command::echo_rq(1, &uid(VERIFICATION)), None).await.unwrap();
    assert!(link.wire().tls().is_some());
    link.release().await.unwrap();

    let fault = open("ws2.hospital.example").await.unwrap_err();
    assert!(matches!(fault, LinkFault::Tls(_)), "{fault}");
    assert!(fault.to_string().contains("ws2.hospital.example"), "{fault}");
    // In clear on a port that wants TLS.
    let plain = Link::open(&target(&address), &[Ask::plain(uid(VERIFICATION))]).await.unwrap_err();
    assert!(matches!(plain, LinkFault::HungUp | LinkFault::Malformed(_)), "{plain}");
}
