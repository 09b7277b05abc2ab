//! Walks the data sets of DICOM files as the gateway would, and says for each what a peer that sends it would have to
//! be tolerated: `walk_files FILE...`, one line a file.

use dicomgate::dicom::dataset::part10::Part10;
use dicomgate::dicom::dataset::{Leading, WalkFault, WalkLimits, Walker};
use dicomgate::dicom::dimse::Tolerances;
use dicomgate::dicom::transfer_syntax::{Encoding, encoding_of};
use std::process::ExitCode;

fn walk(data_set: &[u8], encoding: Encoding, tolerances: Tolerances) -> Result<(), WalkFault> {
    let mut walker = Walker::new(encoding, WalkLimits::default(), tolerances);
    let mut leading = Leading::of_object(tolerances);
    for piece in data_set.chunks(16 * 1024) {
        walker.push(piece, &mut leading)?;
    }
    walker.finish()
}

/// What must be tolerated, each with the fault that asks for it, and the fault that nothing lets pass.
fn judge(data_set: &[u8], encoding: Encoding) -> (Vec<String>, Option<WalkFault>) {
    let (mut tolerances, mut needed) = (Tolerances::STRICT, Vec::new());
    loop {
        match walk(data_set, encoding, tolerances) {
            Ok(()) => return (needed, None),
            Err(fault) => match fault.tolerance() {
                Some(tolerance) if !tolerances.has(tolerance) => {
                    tolerances = tolerances.with(tolerance);
                    needed.push(format!("`{tolerance}` ({fault})"));
                }
                _ => return (needed, Some(fault)),
            },
        }
    }
}

fn main() -> ExitCode {
    let mut refused = false;
    for path in std::env::args().skip(1) {
        let Ok(bytes) = std::fs::read(&path) else {
            println!("{path}: cannot be read");
            refused = true;
            continue;
        };
        match Part10::split(&bytes) {
            Err(fault) => println!("{path}: {fault}"),
            Ok(file) => {
                let (needed, fault) = judge(file.data_set, encoding_of(&file.transfer_syntax));
                refused |= fault.is_some();
                let needed = if needed.is_empty() { "strict".to_owned() } else { needed.join(", ") };
                match fault {
                    None => println!("{path}: {needed}"),
                    Some(fault) => println!("{path}: REFUSED {fault}; before that {needed}"),
                }
            }
        }
    }
    ExitCode::from(u8::from(refused))
}
