//! Seals DICOM files as the gateway would: `seal_files pixels|attributes[:implicit] FOLDER FILE...` writes each sealed object into the folder, under
//! the name that it had, in explicit VR unless asked for the other, and says for each whether it was sealed. With ring key 3 (32 times the byte 03)
//! and the certificates that `tests/vault/make-escrow` made in the folder that ESCROW names.

#![expect(clippy::expect_used, reason = "a tool of the tests may panic")]

use dicomgate::dicom::dataset::part10::Part10;
use dicomgate::dicom::transfer_syntax::{EXPLICIT_VR_LITTLE_ENDIAN, Encoding, IMPLICIT_VR_LITTLE_ENDIAN};
use dicomgate::keys::System;
use dicomgate::transform::flow::{Flow, Line};
use dicomgate::transform::seal::{Outcome, Seal, SealFault, SealOptions, SealOrder};
use dicomgate::vault::carrier::Carrier;
use dicomgate::vault::escrow::Escrow;
use dicomgate::vault::suite::Key256;
use dicomgate::vault::{KeyId, KeyRing, RingKey, SealContext};
use std::path::Path;
use std::sync::Arc;

fn context() -> Arc<SealContext> {
    let certificate = |kind: &str| {
        let path = format!("{}/{kind}.cert.der", std::env::var("ESCROW").expect("a folder in ESCROW"));
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

fn seal(
    context: &Arc<SealContext>,
    file: &Part10<'_>,
    carrier: Carrier,
    to: Encoding,
) -> Result<(Vec<u8>, Outcome), SealFault> {
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
    let (mut seal, mut flow) = (Seal::new(order)?, Flow::default());
    for piece in file.data_set.chunks(100_000) {
        seal.push(piece, &mut flow)?;
    }
    let outcome = seal.finish(&mut flow)?;
    Ok((Line::default().take(&mut flow).concat(), outcome))
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let how = arguments.next().expect("a carrier");
    let (to, syntax) = match how.strip_suffix(":implicit") {
        Some(_) => (Encoding::ImplicitLe, IMPLICIT_VR_LITTLE_ENDIAN),
        None => (Encoding::ExplicitLe, EXPLICIT_VR_LITTLE_ENDIAN),
    };
    let carrier = if how.starts_with("attributes") { Carrier::Attributes } else { Carrier::Pixels };
    let folder = arguments.next().expect("a folder");
    let context = context();
    for path in arguments {
        let bytes = std::fs::read(&path).expect("a file");
        let Ok(file) = Part10::split(&bytes) else {
            println!("{path}: no DICOM file");
            continue;
        };
        match seal(&context, &file, carrier, to) {
            Err(fault) => println!("{path}: {fault}"),
            Ok((_, Outcome::Nothing | Outcome::Already)) => println!("{path}: nothing to seal"),
            Ok((data_set, Outcome::Sealed(sealed))) => {
                let syntax = syntax.parse().expect("a UID");
                let file = Part10 { transfer_syntax: syntax, data_set: &data_set, ..file };
                let name = Path::new(&path).file_name().expect("a name");
                let to = Path::new(&folder).join(name);
                std::fs::write(to, file.join(&"1.2.3".parse().expect("a UID"))).expect("written");
                println!("{path}: sealed, {} segments", sealed.segments);
            }
        }
    }
}
