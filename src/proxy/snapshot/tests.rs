use super::*;
use crate::dicom::dimse::Tolerance;
use crate::policy::Transport;

const GATEWAY: &str = "[gateway]\nname = \"gate-1\"\nstate = \"state\"\n\
    [[listen]]\nname = \"plain\"\naddress = \"127.0.0.1:0\"\ntls = \"off\"\nnetwork = [\"127.0.0.0/8\"]\n\
    [[archive]]\nae_title = \"PACS\"\naddress = \"127.0.0.1:4242\"\n[policy]\nfile = \"policy.toml\"\n";

fn peer(title: &str, tolerate: &str) -> String {
    format!(
        "[[peer]]\nae_titles = [\"{title}\"]\ntls = \"off\"\nnetwork = [\"127.0.0.0/8\"]\ntolerate = [{tolerate}]\n"
    )
}

fn snapshot(policy: &str) -> Snapshot {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("gateway.toml"), GATEWAY).unwrap();
    std::fs::write(folder.path().join("policy.toml"), policy).unwrap();
    let settings = config::load(&folder.path().join("gateway.toml")).unwrap();
    Snapshot::build(settings, 1, 0).unwrap()
}

#[test]
fn keys_that_cannot_be_read_just_now_keep_no_policy_from_being_taken() {
    let folder = tempfile::tempdir().unwrap();
    let pair = rcgen::KeyPair::generate().unwrap();
    let escrow = rcgen::CertificateParams::default().self_signed(&pair).unwrap().pem();
    std::fs::write(folder.path().join("escrow.crt"), escrow).unwrap();
    let vault = "[vault]\nkeys = \"ring\"\nescrow = [\"escrow.crt\"]\n";
    std::fs::write(folder.path().join("gateway.toml"), format!("{GATEWAY}{vault}")).unwrap();
    std::fs::write(folder.path().join("policy.toml"), peer("CT1", "")).unwrap();
    let settings = config::load(&folder.path().join("gateway.toml")).unwrap();
    let make = || crate::keys::new_key(settings.vault.as_ref().unwrap(), jiff::Timestamp::now()).unwrap();
    let (first, manifest) = (make(), crate::keys::Manifest::path(&folder.path().join("ring")));
    let before = Snapshot::build(settings.clone(), 1, 0).unwrap();
    // As a token that is away.
    let (file, aside) = (first.file.unwrap(), folder.path().join("aside"));
    std::fs::rename(&file, &aside).unwrap();
    assert!(Snapshot::build(settings.clone(), 2, 0).is_err());
    let after = Snapshot::build_after(Some(&before), settings.clone(), 2, 0).unwrap();
    let ring = |snapshot: &Snapshot| Arc::clone(&snapshot.vault.as_ref().unwrap().ring);
    assert!(Arc::ptr_eq(&ring(&before), &ring(&after)));
    // A manifest that changed has the keys loaded anew.
    std::fs::rename(&aside, &file).unwrap();
    let old = std::fs::read_to_string(&manifest).unwrap();
    let second = make();
    let after = Snapshot::build_after(Some(&after), settings.clone(), 3, 0).unwrap();
    assert_eq!(ring(&after).ids().count(), 2);
    // And an old copy of the folder is no ring to go on with.
    std::fs::write(&manifest, old).unwrap();
    std::fs::remove_file(second.file.unwrap()).unwrap();
    let faults = Snapshot::build_after(Some(&after), settings, 4, 0).unwrap_err();
    assert!(faults.iter().any(|fault| fault.contains("key 2, which this ring never had")), "{faults:?}");
}

/// What is shown, first certificate first, to a peer that receives.
fn shown(snapshot: &Snapshot, peer: &str) -> Option<Vec<rustls_pki_types::CertificateDer<'static>>> {
    let schemes = [rustls::SignatureScheme::ECDSA_NISTP256_SHA256, rustls::SignatureScheme::ED25519];
    let identity = snapshot.peer_tls(peer)?.client_auth_cert_resolver.resolve(&[], &schemes)?;
    Some(identity.cert.clone())
}

#[test]
fn peers_that_receive_are_shown_the_certificate_that_the_policy_names() {
    use crate::pki::ca::{self, Ca, Order};
    use rustls_pki_types::pem::PemObject;
    let folder = tempfile::tempdir().unwrap();
    let certs = folder.path().join("certs");
    std::fs::create_dir(&certs).unwrap();
    ca::new_ca(&certs, "CA", clock_of_tests()).unwrap();
    let authority = Ca::open(&certs).unwrap();
    for name in ["gateway", "partner"] {
        let dns = vec![format!("{name}.example")];
        let order = Order { name: name.into(), dns, ip: Vec::new(), server: true, days: 10, renew: false };
        authority.issue(&order, clock_of_tests()).unwrap();
    }
    let tls = "[tls]\ncertificate = \"certs/gateway.crt\"\nprivate_key = \"certs/gateway.key\"\nclient_ca = \"certs/ca.crt\"\n";
    std::fs::write(folder.path().join("gateway.toml"), format!("{GATEWAY}{tls}")).unwrap();
    let receives = |title: &str, more: &str| {
        format!("[[peer]]\nae_titles = [\"{title}\"]\naddress = \"127.0.0.1:11112\"\n{more}\n")
    };
    let policy = [
        receives("A", "certificate = \"a.example\""),
        receives("B", "certificate = \"b.example\"\npresent = \"certs/partner.crt\""),
        receives("C", "tls = \"off\"\nnetwork = [\"127.0.0.0/8\"]"),
    ];
    std::fs::write(folder.path().join("policy.toml"), policy.concat()).unwrap();
    let settings = config::load(&folder.path().join("gateway.toml")).unwrap();
    let snapshot = Snapshot::build(settings.clone(), 1, clock_of_tests()).unwrap();
    let file = |name: &str| rustls_pki_types::CertificateDer::from_pem_file(certs.join(name)).unwrap();
    assert_eq!(shown(&snapshot, "A").unwrap().first(), Some(&file("gateway.crt")));
    assert_eq!(shown(&snapshot, "B").unwrap().first(), Some(&file("partner.crt")));
    assert!(shown(&snapshot, "C").is_none());
    std::fs::write(certs.join("partner.key"), "no key").unwrap();
    let faults = Snapshot::build(settings, 2, clock_of_tests()).unwrap_err();
    assert!(matches!(&faults[..], [fault] if fault.contains("partner.key")), "{faults:?}");
}

fn clock_of_tests() -> i64 {
    jiff::Timestamp::now().as_second()
}

#[test]
fn tolerances_are_the_peers_own_after_it_has_moved_in_the_policy() {
    let before = snapshot(&peer("US7", "\"order\""));
    let after = snapshot(&format!("{}{}", peer("CT1", "\"padding\""), peer("US7", "\"order\"")));
    // As an association holds it that was identified under the policy before.
    let principal = Principal {
        peer: 0,
        name: "US7".into(),
        calling: AeTitle::new("US7").unwrap(),
        from: [127, 0, 0, 1].into(),
        transport: Transport::Plain,
        user: None,
    };
    for snapshot in [&before, &after] {
        let tolerances = snapshot.tolerances(&principal);
        assert!(tolerances.has(Tolerance::Order) && !tolerances.has(Tolerance::Padding));
    }
    let gone = Principal { name: "US8".into(), ..principal };
    assert_eq!(after.tolerances(&gone), Tolerances::default());
}
