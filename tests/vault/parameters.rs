//! Other parameters, grafted by hand: each is refused with the words for it.

use crate::ground::{Fixed, INSTANCE, context, open, ring, seal};
use crate::tree::{DATA, INFORMATION, Node, RECIPIENTS};
use dicomgate::vault::OpenFault;
use dicomgate::vault::cms::CmsFault;

fn segment() -> Node {
    Node::of(&seal(&context(&["rsa", "p256", "p384"], Fixed::from(1)), INSTANCE, b"payload")[0])
}

fn fault(bytes: &[u8]) -> CmsFault {
    let (out, outcome) = open(ring(), bytes);
    assert!(out.is_empty());
    match outcome {
        Err(OpenFault::Foreign { segment: 0, fault }) => fault,
        other => panic!("{other:?}"),
    }
}

/// The recipient of a kind: 0 RSA, 1 and 2 EC, 3 the ring.
fn recipient(place: usize) -> Vec<usize> {
    [RECIPIENTS, &[place]].concat()
}

fn oid(bytes: &[u8]) -> Node {
    Node::bytes(0x06, bytes)
}

const AES_128_WRAP: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 5];
const AES_128_GCM: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 6];
const RSA_PKCS_1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
const SHA_1: &[u8] = &[0x2b, 0x0e, 3, 2, 26];
const SHA1_KDF: &[u8] = &[0x2b, 0x81, 0x05, 0x10, 0x86, 0x48, 0x3f, 0, 2];
const ENVELOPED: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 3];

#[test]
fn the_tree_writes_what_it_read() {
    let sealed = &seal(&context(&["rsa", "p256", "p384"], Fixed::from(1)), INSTANCE, b"payload")[0];
    let tree = segment();
    // RSA differs each time; lengths and everything else do not.
    assert_eq!(tree.encode().len(), sealed.len());
    assert_eq!(Node::of(&tree.encode()), tree);
    assert_eq!(open(ring(), &tree.encode()).1, Ok(()));
}

#[test]
fn every_other_parameter_is_refused_with_its_name() {
    type Change = Box<dyn Fn(&mut Node)>;
    let change = |path: &[usize], with: Node| -> Change {
        let path = path.to_vec();
        Box::new(move |tree| *tree.at(&path) = with.clone())
    };
    let value = |path: &[usize], with: &[u8]| -> Change {
        let (path, with) = (path.to_vec(), with.to_vec());
        Box::new(move |tree| *tree.at(&path).value_mut() = with.clone())
    };
    let insert = |path: &[usize], at: usize, with: Node| -> Change {
        let path = path.to_vec();
        Box::new(move |tree| tree.at(&path).inside_mut().insert(at, with.clone()))
    };
    let attribute = Node::nodes(0x30, &[oid(&[0x2a, 3]), Node::nodes(0x31, &[Node::bytes(0x05, &[])])]);
    let cipher = [INFORMATION, &[1]].concat();
    let parameters = [INFORMATION, &[1, 1]].concat();
    let (rsa, p256, ring) = (recipient(0), recipient(1), recipient(3));
    let below = |path: &[usize], more: &[usize]| [path, more].concat();
    let cases: Vec<(&str, Change, CmsFault)> = vec![
        ("another content", value(&[0], ENVELOPED), CmsFault::ContentType("1.2.840.113549.1.7.3".into())),
        ("version", value(&below(DATA, &[0]), &[2]), CmsFault::Version("content")),
        ("version written long", value(&below(DATA, &[0]), &[0, 0]), CmsFault::Version("content")),
        ("originator", insert(DATA, 1, Node::nodes(0xa0, &[])), CmsFault::Originator),
        (
            "inner content",
            value(&below(INFORMATION, &[0]), ENVELOPED),
            CmsFault::ContentType("1.2.840.113549.1.7.3".into()),
        ),
        ("cipher", value(&below(&cipher, &[0]), AES_128_GCM), CmsFault::Cipher("2.16.840.1.101.3.4.1.6".into())),
        ("nonce", value(&below(&parameters, &[0]), &[7; 13]), CmsFault::Nonce(13)),
        ("no nonce", value(&below(&parameters, &[0]), &[]), CmsFault::Nonce(0)),
        ("short tag", value(&below(&parameters, &[1]), &[12]), CmsFault::TagLength(12)),
        ("huge tag", value(&below(&parameters, &[1]), &[1, 0]), CmsFault::TagLength(256)),
        (
            "default tag",
            Box::new({
                let parameters = parameters.clone();
                move |tree| drop(tree.at(&parameters).inside_mut().pop())
            }),
            CmsFault::TagLength(12),
        ),
        ("more parameters", insert(&parameters, 2, Node::bytes(0x05, &[])), CmsFault::Trailing("length of the tag")),
        ("pieces", change(&below(INFORMATION, &[2]), Node::nodes(0xa0, &[Node::bytes(0x04, b"x")])), CmsFault::Pieces),
        ("no content", Box::new(|tree| drop(tree.at(INFORMATION).inside_mut().pop())), CmsFault::NoContent),
        (
            "authenticated",
            insert(DATA, 3, Node::nodes(0xa1, std::slice::from_ref(&attribute))),
            CmsFault::AuthAttributes,
        ),
        ("unauthenticated", insert(DATA, 4, Node::nodes(0xa2, &[attribute])), CmsFault::UnauthAttributes),
        ("tag", value(&below(DATA, &[3]), &[1; 15]), CmsFault::Tag(15)),
        ("after the tag", insert(DATA, 4, Node::bytes(0x04, b"x")), CmsFault::Trailing("tag")),
        ("after the content", insert(&[1], 1, Node::bytes(0x04, b"x")), CmsFault::Trailing("content")),
        ("after it all", insert(&[], 2, Node::bytes(0x04, b"x")), CmsFault::Trailing("content")),
        ("no recipients", change(RECIPIENTS, Node::nodes(0x31, &[])), CmsFault::Recipients(0)),
        (
            "a sequence of them",
            change(RECIPIENTS, Node::nodes(0x30, &[])),
            CmsFault::Unexpected { field: "recipients", tag: 0x30 },
        ),
        ("password", insert(RECIPIENTS, 4, Node::nodes(0xa3, &[])), CmsFault::Kind("password")),
        ("something else", insert(RECIPIENTS, 4, Node::nodes(0xa4, &[])), CmsFault::Kind("other")),
        (
            "two rings",
            Box::new(|tree| {
                let mut other = tree.at(&recipient(3)).clone();
                *other.at(&[1, 0]).value_mut() = b"dicomgate ring 0009".to_vec();
                tree.at(RECIPIENTS).inside_mut().push(other);
            }),
            CmsFault::TwoRings,
        ),
        (
            "twice",
            Box::new(|tree| {
                let rsa = tree.at(&recipient(0)).clone();
                tree.at(RECIPIENTS).inside_mut().insert(0, rsa);
            }),
            CmsFault::Repeated,
        ),
        ("out of order", Box::new(|tree| tree.at(RECIPIENTS).inside_mut().swap(0, 3)), CmsFault::Order),
        (
            "too many",
            Box::new(|tree| {
                let rsa = tree.at(&recipient(0)).clone();
                let all = tree.at(RECIPIENTS).inside_mut();
                for number in 0..14 {
                    let mut other = rsa.clone();
                    *other.at(&[1]).value_mut() = vec![number; 20];
                    all.push(other);
                }
                all.sort_by_key(Node::encode);
            }),
            CmsFault::Recipients(17),
        ),
        ("RSA version", value(&below(&rsa, &[0]), &[0]), CmsFault::Version("recipient")),
        (
            "PKCS#1",
            change(&below(&rsa, &[2, 0]), oid(RSA_PKCS_1)),
            CmsFault::KeyAlgorithm("1.2.840.113549.1.1.1".into()),
        ),
        ("OAEP with SHA-1", change(&below(&rsa, &[2, 1, 0, 0, 0]), oid(SHA_1)), CmsFault::KeyParameters),
        ("RSA key", value(&below(&rsa, &[3]), &[1; 128]), CmsFault::KeyLength(128)),
        ("RSA name", value(&below(&rsa, &[1]), &[]), CmsFault::Identifier),
        ("RSA with more", insert(&rsa, 4, Node::bytes(0x05, &[])), CmsFault::Trailing("recipient")),
        ("EC version", value(&below(&p256, &[0]), &[2]), CmsFault::Version("recipient")),
        (
            "EC with SHA-1",
            change(&below(&p256, &[2, 0]), oid(SHA1_KDF)),
            CmsFault::KeyAlgorithm("1.3.133.16.840.63.0.2".into()),
        ),
        ("EC with AES-128", change(&below(&p256, &[2, 1, 0]), oid(AES_128_WRAP)), CmsFault::KeyParameters),
        ("EC compressed", value(&below(&p256, &[1, 0, 1]), &[&[0, 2][..], &[7; 32]].concat()), CmsFault::Point),
        ("EC bits unused", value(&below(&p256, &[1, 0, 1]), &[&[1, 4][..], &[7; 64]].concat()), CmsFault::Point),
        ("keying material", insert(&p256, 2, Node::nodes(0xa1, &[Node::bytes(0x04, b"x")])), CmsFault::KeyingMaterial),
        ("EC key", value(&below(&p256, &[3, 0, 1]), &[1; 24]), CmsFault::KeyLength(24)),
        (
            "two EC keys",
            insert(&below(&p256, &[3]), 0, Node::nodes(0x30, &[])),
            CmsFault::Trailing("first encrypted key"),
        ),
        ("ring version", value(&below(&ring, &[0]), &[2]), CmsFault::Version("recipient")),
        ("ring name", value(&below(&ring, &[1, 0]), b"somebody's ring 0001"), CmsFault::Identifier),
        ("ring number", value(&below(&ring, &[1, 0]), b"dicomgate ring 3"), CmsFault::Identifier),
        ("ring number written long", value(&below(&ring, &[1, 0]), b"dicomgate ring 00003"), CmsFault::Identifier),
        ("ring 0", value(&below(&ring, &[1, 0]), b"dicomgate ring 0000"), CmsFault::Identifier),
        (
            "ring with a date",
            insert(&below(&ring, &[1]), 1, Node::bytes(0x18, b"20260101000000Z")),
            CmsFault::Trailing("key name"),
        ),
        (
            "AES-128",
            change(&below(&ring, &[2, 0]), oid(AES_128_WRAP)),
            CmsFault::KeyAlgorithm("2.16.840.1.101.3.4.1.5".into()),
        ),
        ("AES with NULL", insert(&below(&ring, &[2]), 1, Node::bytes(0x05, &[])), CmsFault::KeyParameters),
        ("ring key", value(&below(&ring, &[3]), &[1; 48]), CmsFault::KeyLength(48)),
    ];
    for (name, change, expected) in cases {
        let mut tree = segment();
        change(&mut tree);
        assert_eq!(fault(&tree.encode()), expected, "{name}");
        assert!(!expected.to_string().is_empty());
    }
}

#[test]
fn what_is_no_der_is_refused_with_its_place() {
    let good = segment().encode();
    let mut long = good.clone();
    // The length of everything, written with a leading zero.
    long.splice(1..2, [0x83, 0]);
    let first = |bytes: &[u8]| fault(bytes).to_string();
    assert_eq!(first(&long), "a length that is not in its shortest form, at its beginning");
    assert_eq!(first(&[0x30, 0x80, 0, 0]), "an indefinite length (BER), at its beginning");
    assert_eq!(first(&[0x31, 0x03, 0, 0, 0]), "a tag 31H where its beginning should be");
    assert_eq!(first(&[0x30, 0x84, 1, 0, 0, 0]), "longer than a segment can be");
    assert_eq!(first(&[0x30, 0x00]), "a length that runs over, at its content type");
    assert_eq!(first(b"-----BEGIN CMS-----"), "a tag 2DH where its beginning should be");
}
