//! Who is calling: every way of not being who one says.

use super::kit::{certificate, model, peer, title};
use crate::policy::model::{CertificatePattern, Peer};
use crate::policy::{
    Anchor, Caller, CertificateFacts, Credential, IdentityFault, IdentityReason, Policy, Principal, Transport,
};

fn with(peers: Vec<Peer>) -> Policy {
    let mut model = model(Vec::new());
    model.peers.extend(peers);
    Policy::compile(model).unwrap_or_else(|faults| panic!("{faults:?}"))
}

fn call(policy: &Policy, calling: &str, from: &str, credential: Credential<'_>) -> Result<Principal, IdentityFault> {
    policy.identify(&Caller { calling: Some(title(calling)), from: from.parse().unwrap(), credential })
}

fn reason(result: Result<Principal, IdentityFault>) -> IdentityReason {
    result.unwrap_err().reason
}

#[test]
fn title_certificate_and_network_make_a_peer() {
    let policy = with(Vec::new());
    let facts = certificate(&["other.example", "ct1.example"]);
    let principal = call(&policy, "CT1", "10.20.0.11", Credential::Mutual(&facts)).unwrap();
    assert_eq!((&*principal.name, principal.calling), ("CT1", title("CT1")));
    assert_eq!(principal.transport, Transport::Mutual { spki: [7; 32] });
    let mapped = call(&policy, "CT1", "::ffff:10.20.0.11", Credential::Mutual(&facts)).unwrap();
    assert_eq!(mapped.from, principal.from, "an IPv4 caller on a dual-stack listener");
}

#[test]
fn nobody_passes_for_somebody_else() {
    let policy = with(Vec::new());
    let ct1 = certificate(&["ct1.example"]);
    let foreign = certificate(&["elsewhere.example"]);
    let wildcard = certificate(&["*.example"]);
    let mutual = |facts| Credential::Mutual(facts);
    let other = IdentityReason::OtherCertificate("CT2".into());
    for (calling, from, credential, expected) in [
        ("CT2", "10.20.0.11", mutual(&ct1), other.clone()),
        ("CT2", "10.20.0.11", mutual(&foreign), other.clone()),
        ("CT2", "10.20.0.11", mutual(&wildcard), other),
        ("EVIL", "10.20.0.11", mutual(&ct1), IdentityReason::UnknownTitle),
        ("ct1", "10.20.0.11", mutual(&ct1), IdentityReason::UnknownTitle),
        ("PACS", "10.20.0.11", mutual(&ct1), IdentityReason::UnknownTitle),
        ("CT1", "192.0.2.7", mutual(&ct1), IdentityReason::WrongNetwork("CT1".into())),
        ("CT1", "10.20.0.11", Credential::Tls, IdentityReason::CertificateMissing("CT1".into())),
        ("CT1", "10.20.0.11", Credential::Plain, IdentityReason::PlainNotAllowed("CT1".into())),
    ] {
        assert_eq!(reason(call(&policy, calling, from, credential)), expected, "{calling} {from} {credential:?}");
    }
    let caller = Caller { calling: None, from: "10.20.0.11".parse().unwrap(), credential: Credential::Mutual(&ct1) };
    let fault = policy.identify(&caller).unwrap_err();
    assert_eq!((fault.reason, fault.holders), (IdentityReason::NoTitle, vec!["CT1".into()]));
}

#[test]
fn the_record_says_whose_certificate_it_was() {
    let policy = with(Vec::new());
    let facts = certificate(&["ct1.example"]);
    let fault = call(&policy, "CT2", "10.20.0.11", Credential::Mutual(&facts)).unwrap_err();
    let words = "`CT2` from 10.20.0.11: the certificate is not that of peer `CT2`; the certificate belongs to `CT1`";
    assert_eq!(fault.to_string(), words);
    let stranger = call(&policy, "EVIL", "10.20.0.11", Credential::Mutual(&facts)).unwrap_err();
    assert_eq!(stranger.holders, ["CT1".into()]);
}

#[test]
fn a_plain_peer_comes_plain_and_from_its_network() {
    let plain = Peer { plain: true, certificate: None, ..peer("US1", "") };
    let nowhere = Peer { plain: true, certificate: None, networks: Vec::new(), ..peer("US2", "") };
    let policy = with(vec![plain, nowhere]);
    let facts = certificate(&["us1.example"]);
    assert_eq!(call(&policy, "US1", "10.20.0.12", Credential::Plain).unwrap().transport, Transport::Plain);
    let wrong = IdentityReason::WrongNetwork("US1".into());
    assert_eq!(reason(call(&policy, "US1", "10.21.0.12", Credential::Plain)), wrong);
    for credential in [Credential::Tls, Credential::Mutual(&facts)] {
        let only = IdentityReason::PlainOnly("US1".into());
        assert_eq!(reason(call(&policy, "US1", "10.20.0.12", credential)), only);
    }
    let wrong = IdentityReason::WrongNetwork("US2".into());
    assert_eq!(reason(call(&policy, "US2", "10.20.0.12", Credential::Plain)), wrong, "a title alone is nobody");
    assert!(call(&policy, "US2", "127.0.0.1", Credential::Plain).is_ok());
}

#[test]
fn a_peer_without_certificate_is_known_by_its_network_on_tls_listeners() {
    let policy = with(vec![Peer { certificate: None, ..peer("WS9", "") }]);
    let facts = certificate(&["ws9.example"]);
    assert_eq!(call(&policy, "WS9", "10.20.0.9", Credential::Tls).unwrap().transport, Transport::Tls);
    assert_eq!(reason(call(&policy, "WS9", "10.9.0.9", Credential::Tls)), IdentityReason::WrongNetwork("WS9".into()));
    let unbound = IdentityReason::NotBound("WS9".into());
    assert_eq!(reason(call(&policy, "WS9", "10.20.0.9", Credential::Mutual(&facts))), unbound);
}

#[test]
fn only_the_ca_that_counts_for_a_peer_vouches_for_it() {
    let partner = Peer { trust: Some("certs/partner.crt".to_owned()), ..peer("P1", "") };
    let any = Peer { certificate: Some(CertificatePattern::Any), ..peer("A1", "") };
    let pinned = Peer { certificate: Some(CertificatePattern::Spki([9; 32])), ..peer("K1", "") };
    let named = Peer { certificate: Some(CertificatePattern::CommonName("ct seven".into())), ..peer("C1", "") };
    let policy = with(vec![partner, any, pinned, named]);
    let own = || Anchor::Peer("certs/partner.crt".into());
    let other = || Anchor::Peer("certs/other.crt".into());
    for (calling, anchor, fits) in [
        ("P1", own(), true),
        ("P1", other(), false),
        ("P1", Anchor::ClientCa, false),
        ("P1", Anchor::Pinned, false),
        ("CT1", Anchor::ClientCa, true),
        ("CT1", own(), false),
        ("CT1", Anchor::Pinned, false),
        ("A1", Anchor::ClientCa, true),
        ("A1", own(), false),
        ("A1", Anchor::Pinned, false),
        ("C1", Anchor::ClientCa, true),
        ("C1", own(), false),
    ] {
        let common_name = Some("ct seven".into());
        let facts =
            CertificateFacts { anchor: anchor.clone(), common_name, ..certificate(&["p1.example", "ct1.example"]) };
        let result = call(&policy, calling, "10.20.0.11", Credential::Mutual(&facts));
        let expected = (!fits).then(|| IdentityReason::WrongAnchor(calling.into()));
        assert_eq!(result.err().map(|fault| fault.reason), expected, "{calling} {anchor:?}");
    }
    for anchor in [Anchor::Pinned, Anchor::ClientCa, own()] {
        let right = CertificateFacts { spki: [9; 32], anchor: anchor.clone(), ..certificate(&[]) };
        assert!(call(&policy, "K1", "10.20.0.11", Credential::Mutual(&right)).is_ok(), "the key speaks: {anchor:?}");
        let wrong = CertificateFacts { spki: [8; 32], anchor, ..certificate(&["k1.example"]) };
        let expected = IdentityReason::OtherCertificate("K1".into());
        assert_eq!(reason(call(&policy, "K1", "10.20.0.11", Credential::Mutual(&wrong))), expected);
    }
}

#[test]
fn peers_that_share_a_title_are_told_apart_by_their_certificates() {
    let shared = |name: &str| Peer { ae_titles: vec![title("STORESCU")], ..peer(name, "") };
    let policy = with(vec![shared("S1"), shared("S2")]);
    let second = certificate(&["s2.example"]);
    let principal = call(&policy, "STORESCU", "10.20.0.11", Credential::Mutual(&second)).unwrap();
    assert_eq!(&*principal.name, "S2");
    let both = certificate(&["s1.example", "s2.example"]);
    let expected = IdentityReason::Ambiguous(vec!["S1".into(), "S2".into()]);
    assert_eq!(reason(call(&policy, "STORESCU", "10.20.0.11", Credential::Mutual(&both))), expected);
    let astray = call(&policy, "STORESCU", "192.0.2.7", Credential::Mutual(&second));
    assert_eq!(reason(astray), IdentityReason::WrongNetwork("S2".into()), "the one that came nearest");
}

#[test]
fn archives_are_found_by_called_title() {
    let policy = with(Vec::new());
    assert_eq!(policy.archive_by_called(&title("PACS_QR")), Some("PACS"));
    assert_eq!(policy.archive_by_called(&title("RIS")), Some("RIS"));
    assert_eq!(policy.archive_by_called(&title("CT1")), None);
}
