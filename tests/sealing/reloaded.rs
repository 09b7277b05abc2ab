//! A reload says what of sealing it changes: who takes it away is to be found in the audit log.

use crate::site::{RULES, site};
use crate::support::world::PEERS;

#[test]
fn whoever_takes_a_seal_or_an_escrow_key_away_is_named_by_the_record() {
    let site = site();
    let pair = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::default().self_signed(&pair).unwrap().pem();
    std::fs::write(site.world.dir.path().join("escrow.crt"), certificate).unwrap();
    let file = site.world.dir.path().join("gateway.toml");
    let without = std::fs::read_to_string(&file).unwrap();
    let with = without.replace("escrow = []", "escrow = [\"escrow.crt\"]");
    assert!(with != without);
    let changes = || site.world.record("reloaded").0["changes"].to_string();
    std::fs::write(&file, with).unwrap();
    site.world.reload();
    let added = changes();
    assert!(added.contains("escrow of what is sealed: ") && added.contains("instead of none"), "{added}");
    assert!(!added.contains("sealed by"), "{added}");
    std::fs::write(&file, without).unwrap();
    site.world.reload();
    assert!(changes().contains("escrow of what is sealed: none instead of "), "{}", changes());
    site.world.set_policy(PEERS, &RULES.replace("seal = true", ""));
    let taken = changes();
    assert!(taken.contains("sealed by none instead of rule `modalities store, and it is sealed`"), "{taken}");
    assert!(!taken.contains("escrow"), "{taken}");
}
