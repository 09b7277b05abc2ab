//! What the real `openssl cms` writes and opens.

use crate::ground::{Fixed, INSTANCE, context, data, open, payload, ring, seal};
use dicomgate::vault::cms::CmsFault;
use dicomgate::vault::{OpenFault, SegmentHeader};
use std::path::Path;
use std::process::Command;

const SECRET: &str = "0303030303030303030303030303030303030303030303030303030303030303";
/// `dicomgate ring 0003`
const SECRET_ID: &str = "6469636f6d676174652072696e672030303033";

fn openssl(folder: &Path, arguments: &[&str]) {
    let output = Command::new("openssl").current_dir(folder).args(arguments).output().unwrap();
    assert!(output.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

struct Folder(tempfile::TempDir);

impl Folder {
    /// With the certificates and keys in PEM, as a hospital has them.
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for kind in ["rsa", "p256", "p384"] {
            let (from, to) = (data(&format!("{kind}.cert.der")), format!("{kind}.cert.pem"));
            openssl(folder.0.path(), &["x509", "-inform", "DER", "-in", from.to_str().unwrap(), "-out", &to]);
            let (from, to) = (data(&format!("{kind}.key.der")), format!("{kind}.key.pem"));
            openssl(folder.0.path(), &["pkey", "-inform", "DER", "-in", from.to_str().unwrap(), "-out", &to]);
        }
        folder
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.0.path().join(name), bytes).unwrap();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.0.path().join(name)).unwrap()
    }

    fn decrypt(&self, file: &str, with: &[&str]) -> Vec<u8> {
        let arguments =
            [&["cms", "-decrypt", "-inform", "DER", "-binary", "-in", file, "-out", "plain"], with].concat();
        openssl(self.0.path(), &arguments);
        self.read("plain")
    }

    fn encrypt(&self, with: &[&str]) -> Vec<u8> {
        let arguments =
            [&["cms", "-encrypt", "-outform", "DER", "-binary", "-in", "plain", "-out", "cms"], with].concat();
        openssl(self.0.path(), &arguments);
        self.read("cms")
    }
}

#[test]
fn openssl_opens_each_segment_with_each_key() {
    let folder = Folder::new();
    let payload = payload(100_000);
    let sealed = seal(&context(&["rsa", "p256", "p384"], Fixed::from(1)), INSTANCE, &payload);
    assert_eq!(sealed.len(), 2);
    let mut ways = vec![vec!["-secretkey", SECRET, "-secretkeyid", SECRET_ID]];
    ways.extend(["rsa.key.pem", "p256.key.pem", "p384.key.pem"].map(|key| vec!["-inkey", key]));
    ways.push(vec!["-recip", "rsa.cert.pem", "-inkey", "rsa.key.pem"]);
    ways.push(vec!["-recip", "p256.cert.pem", "-inkey", "p256.key.pem"]);
    // Named by issuer and serial number.
    ways.push(vec!["-recip", "p384.cert.pem", "-inkey", "p384.key.pem"]);
    for way in ways {
        let mut whole = Vec::new();
        for (number, segment) in sealed.iter().enumerate() {
            folder.write("segment", segment);
            let plain = folder.decrypt("segment", &way);
            let (header, length) = SegmentHeader::parse(&plain).unwrap();
            assert_eq!((header.segment as usize, header.last), (number, number == 1));
            whole.extend_from_slice(&plain[length..]);
        }
        assert!(whole == payload, "{way:?}");
    }
}

#[test]
fn what_openssl_writes_with_other_parameters_is_refused_with_its_name() {
    let folder = Folder::new();
    folder.write("plain", &payload(5000));
    let ring_key = ["-secretkey", SECRET, "-secretkeyid", SECRET_ID];
    let oid = |text: &str| text.to_owned();
    let cases: Vec<(Vec<&str>, CmsFault)> = vec![
        ([&["-aes-256-cbc"], &ring_key[..]].concat(), CmsFault::ContentType(oid("1.2.840.113549.1.7.3"))),
        (
            vec!["-aes-128-gcm", "-secretkey", SECRET.get(..32).unwrap(), "-secretkeyid", SECRET_ID],
            CmsFault::KeyAlgorithm(oid("2.16.840.1.101.3.4.1.5")),
        ),
        ([&["-aes-128-gcm"], &ring_key[..]].concat(), CmsFault::KeyLength(24)),
        ([&["-aes-192-gcm"], &ring_key[..]].concat(), CmsFault::KeyLength(32)),
        (vec!["-aes-256-gcm", "rsa.cert.pem"], CmsFault::KeyAlgorithm(oid("1.2.840.113549.1.1.1"))),
        (vec!["-aes-256-gcm", "-keyid", "rsa.cert.pem"], CmsFault::KeyAlgorithm(oid("1.2.840.113549.1.1.1"))),
        (
            vec!["-aes-256-gcm", "-keyid", "-recip", "rsa.cert.pem", "-keyopt", "rsa_padding_mode:oaep"],
            CmsFault::KeyParameters,
        ),
        (vec!["-aes-256-gcm", "p256.cert.pem"], CmsFault::KeyAlgorithm(oid("1.3.133.16.840.63.0.2"))),
        (vec!["-aes-256-gcm", "-secretkey", SECRET, "-secretkeyid", "01"], CmsFault::Identifier),
        (
            [&["-aes-256-cbc", "-pwri_password", "x"], &ring_key[..]].concat(),
            CmsFault::ContentType(oid("1.2.840.113549.1.7.3")),
        ),
    ];
    for (with, expected) in cases {
        let written = folder.encrypt(&with);
        let (out, outcome) = open(ring(), &written);
        assert!(out.is_empty());
        let Err(OpenFault::Foreign { segment: 0, fault }) = outcome else { panic!("{with:?}: {outcome:?}") };
        assert_eq!(fault, expected, "{with:?}");
    }
    let streamed = folder.encrypt(&[&["-aes-256-gcm", "-stream"], &ring_key[..]].concat());
    let Err(OpenFault::Foreign { fault, .. }) = open(ring(), &streamed).1 else { panic!("BER opens") };
    assert_eq!(fault.to_string(), "an indefinite length (BER), at its beginning");
}

/// The right cipher and key, by somebody who has the ring: the header decides.
#[test]
fn what_openssl_writes_as_we_do_is_still_no_seal() {
    let folder = Folder::new();
    let ring_key = ["-aes-256-gcm", "-secretkey", SECRET, "-secretkeyid", SECRET_ID];
    folder.write("plain", &payload(5000));
    let (out, outcome) = open(ring(), &folder.encrypt(&ring_key));
    assert!(out.is_empty() && matches!(outcome, Err(OpenFault::Header { segment: 0, .. })), "{outcome:?}");
    // The plaintext of a real segment, for the ring alone: escrow was stripped.
    let sealed = seal(&context(&["rsa"], Fixed::from(1)), INSTANCE, b"payload").concat();
    folder.write("segment", &sealed);
    folder.decrypt("segment", &["-inkey", "rsa.key.pem"]);
    assert_eq!(open(ring(), &folder.encrypt(&ring_key)), (Vec::new(), Err(OpenFault::Recipients(0))));
    // For a certificate alone, as anybody can.
    let escrow_only = [
        "-aes-256-gcm",
        "-keyid",
        "-recip",
        "rsa.cert.pem",
        "-keyopt",
        "rsa_padding_mode:oaep",
        "-keyopt",
        "rsa_oaep_md:sha256",
        "-keyopt",
        "rsa_mgf1_md:sha256",
    ];
    let written = folder.encrypt(&escrow_only);
    let outcome = open(ring(), &written).1;
    assert!(
        matches!(outcome, Err(OpenFault::NoRing(0) | OpenFault::Foreign { fault: CmsFault::KeyParameters, .. })),
        "{outcome:?}"
    );
}
