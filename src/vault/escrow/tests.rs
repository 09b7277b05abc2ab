use super::*;
use rcgen::{CertificateParams, DnType, KeyPair};

/// A certificate and its private key in PKCS#8.
pub(in crate::vault) fn certificate(kind: &str) -> (Vec<u8>, Vec<u8>) {
    let pair = match kind {
        "rsa" => KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048),
        "p256" => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256),
        "p384" => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384),
        other => {
            KeyPair::generate_for(if other == "p521" { &rcgen::PKCS_ECDSA_P521_SHA512 } else { &rcgen::PKCS_ED25519 })
        }
    }
    .unwrap();
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name.push(DnType::CommonName, format!("escrow {kind}"));
    // With a key identifier, as most certificates have it.
    parameters.is_ca = rcgen::IsCa::ExplicitNoCa;
    if kind == "p256" {
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    }
    (parameters.self_signed(&pair).unwrap().der().to_vec(), pair.serialize_der())
}

#[test]
fn certificates_that_escrow_takes_are_described_and_prove_who_signed() {
    for (kind, words) in [("rsa", "RSA 2048, "), ("p256", "EC P-256, "), ("p384", "EC P-384, ")] {
        let (der, private) = certificate(kind);
        let escrow = Escrow::from_der(&der).unwrap();
        assert!(escrow.describe().starts_with(words), "{}", escrow.describe());
        assert!(escrow.describe().contains(&format!("CN=escrow {kind}")), "{}", escrow.describe());
        let key = EscrowKey::from_pkcs8(&private).unwrap();
        assert_eq!(format!("{}, ", key.describe()), words);
        assert_eq!(format!("{key:?}"), "[redacted]");
        let signature = key.sign(b"ten opened").unwrap();
        assert!(escrow.verifies(b"ten opened", &signature));
        assert!(!escrow.verifies(b"one opened", &signature));
        let other = Escrow::from_der(&certificate(kind).0).unwrap();
        assert!(!other.verifies(b"ten opened", &signature));
    }
}

#[test]
fn other_keys_are_refused_with_words() {
    assert_eq!(Escrow::from_der(b"no certificate").unwrap_err(), EscrowFault::NoCertificate);
    for kind in ["p521", "ed25519"] {
        let (der, private) = certificate(kind);
        let fault = Escrow::from_der(&der).unwrap_err();
        assert!(matches!(fault, EscrowFault::Kind(_)), "{kind}: {fault:?}");
        assert_eq!(EscrowKey::from_pkcs8(&private).unwrap_err(), EscrowKeyFault::Kind);
    }
    let (mut der, _) = certificate("p384");
    der.push(0);
    assert_eq!(Escrow::from_der(&der).unwrap_err(), EscrowFault::NoCertificate);
    // A point that is not on its curve.
    let (mut der, _) = certificate("p256");
    let point = der.windows(3).position(|part| part == [0x42, 0x00, 0x04]).unwrap() + 40;
    der[point] ^= 1;
    assert_eq!(Escrow::from_der(&der).unwrap_err(), EscrowFault::Key);
}

#[test]
fn short_rsa_keys_are_refused_with_their_length() {
    // 1,024 bits, by `openssl req -x509 -newkey rsa:1024`; its private key was thrown away.
    let der = include_bytes!("rsa-1024.der");
    assert_eq!(Escrow::from_der(der).unwrap_err(), EscrowFault::RsaBits(1024));
}
