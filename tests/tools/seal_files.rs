//! Seals DICOM files as the gateway would, with the keys of `tests/data/vault` (ring key 3, all three certificates): `seal_files CARRIER SYNTAX FOLDER FILE...`, where
//! CARRIER is `pixels` or `attributes` and SYNTAX `explicit` or `implicit`. What is sealed lies in the folder under the name
//! of the file; of each file one line says what became of it.

#![expect(clippy::expect_used, reason = "a tool of the tests may panic")]

use dicomgate::dicom::Uid;
use dicomgate::dicom::dataset::part10::Part10;
use dicomgate::dicom::transfer_syntax::{EXPLICIT_VR_LITTLE_ENDIAN, Encoding, IMPLICIT_VR_LITTLE_ENDIAN};
use dicomgate::keys::System;
use dicomgate::transform::flow::{Flow, Piece};
use dicomgate::transform::seal::{Outcome, Seal, SealFault, SealOptions, SealOrder};
use dicomgate::vault::carrier::Carrier;
use dicomgate::vault::escrow::Escrow;
use dicomgate::vault::suite::Key256;
use dicomgate::vault::{KeyId, KeyRing, RingKey, SealContext};
use std::path::Path;
use std::sync::Arc;

fn context() -> Arc<SealContext> {
    let certificate = |kind: &str| {
        let path = format!("{}/tests/data/vault/{kind}.cert.der", env!("CARGO_MANIFEST_DIR"));
        Escrow::from_der(&std::fs::read(path).expect("a certificate")).expect("for escrow")
    };
    Arc::new(SealContext {
        ring: Arc::new(KeyRing::new([RingKey { id: KeyId(3), key: Key256::new(&[3; 32]) }])),
        escrow: ["rsa", "p256", "p384"].map(certificate).into(),
        random: Arc::new(System::default()),
        // Several segments even of small images.
        segment: 64 * 1024,
    })
}

/// All pieces; what is kept waits for its place.
#[derive(Default)]
struct Taken {
    out: Vec<u8>,
    kept: Vec<u8>,
}

impl Taken {
    fn drain(&mut self, flow: &mut Flow) {
        while let Some(piece) = flow.next_piece() {
            match piece {
                Piece::Go(bytes) => self.out.extend_from_slice(&bytes),
                Piece::Keep(bytes) => self.kept.extend_from_slice(&bytes),
                Piece::Kept => self.out.append(&mut self.kept),
            }
        }
    }
}

fn seal(order: SealOrder, data_set: &[u8]) -> Result<(Outcome, Vec<u8>), SealFault> {
    let (mut sealing, mut flow, mut taken) = (Seal::new(order)?, Flow::default(), Taken::default());
    for piece in data_set.chunks(16 * 1024) {
        sealing.push(piece, &mut flow)?;
        taken.drain(&mut flow);
    }
    let outcome = sealing.finish(&mut flow)?;
    taken.drain(&mut flow);
    assert!(taken.kept.is_empty(), "whatever is kept goes on in the end");
    Ok((outcome, taken.out))
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let carrier = match arguments.next().as_deref() {
        Some("pixels") => Carrier::Pixels,
        Some("attributes") => Carrier::Attributes,
        _ => panic_usage(),
    };
    let (to, syntax) = match arguments.next().as_deref() {
        Some("explicit") => (Encoding::ExplicitLe, EXPLICIT_VR_LITTLE_ENDIAN),
        Some("implicit") => (Encoding::ImplicitLe, IMPLICIT_VR_LITTLE_ENDIAN),
        _ => panic_usage(),
    };
    let folder = arguments.next().unwrap_or_else(|| panic_usage());
    let context = context();
    let uid = |text: &str| Uid::new(text).expect("a UID");
    for path in arguments {
        let bytes = std::fs::read(&path).expect("a file");
        let file = match Part10::split(&bytes) {
            Ok(file) => file,
            Err(fault) => {
                println!("{path}\trefused\t{fault}");
                continue;
            }
        };
        let order = SealOrder {
            context: context.clone(),
            sop_class: file.sop_class,
            sop_instance: file.sop_instance,
            from: file.transfer_syntax,
            to,
            carrier,
            options: Arc::new(SealOptions::default()),
            whole: false,
        };
        match seal(order, file.data_set) {
            Err(fault) => println!("{path}\trefused\t{fault}"),
            Ok((Outcome::Sealed(sealed), data_set)) => {
                let sealed_file = Part10 { transfer_syntax: uid(syntax), data_set: &data_set, ..file };
                let name = Path::new(&path).file_name().expect("a name");
                std::fs::write(Path::new(&folder).join(name), sealed_file.join(&uid("1.2.3"))).expect("written");
                println!("{path}\tsealed\t{:?} {}", sealed.begun.carrier, sealed.bytes);
            }
            Ok((other, _)) => println!("{path}\tas it is\t{other:?}"),
        }
    }
}

fn panic_usage() -> ! {
    eprintln!("seal_files pixels|attributes explicit|implicit FOLDER FILE...");
    std::process::exit(2)
}
