//! What `vault probe` would have found out about an archive that keeps everything.

use super::words::{CT, EXPLICIT};
use dicomgate::proxy::vault::prove::{Carried, Fate, ProbeResult, Trial, VERSION};
use dicomgate::state::Repeats;
use dicomgate::vault::family::{Fate as Treated, all as families};

/// The archive `PACS` on this port gives back whole what it is given, and replaces what it has.
pub fn everything(port: u16) -> ProbeResult {
    let mut trials = Vec::new();
    for family in families().filter(|family| family.fate == Treated::Sealed) {
        for carrier in [Carried::Pixels, Carried::Attributes] {
            trials.push(Trial {
                family: family.name.to_owned(),
                class: CT.to_owned(),
                carrier,
                sealed: EXPLICIT.to_owned(),
                stored: EXPLICIT.to_owned(),
                bytes: 1,
                get: Some(Fate::Whole),
                moved: Vec::new(),
            });
        }
    }
    ProbeResult {
        version: VERSION,
        archive: "PACS".into(),
        address: format!("127.0.0.1:{port}"),
        gateway: "gate-1".into(),
        at: jiff::Timestamp::now(),
        aged: 0,
        largest: 1,
        repeats: Repeats::Replaced,
        mints: false,
        coerces: Vec::new(),
        reads_back: true,
        trials,
        left_behind: None,
        moved_at: None,
        late: None,
    }
}
