use super::{Carried, Fate, ProbeResult, ProveFault, Trial, VERSION, path};
use crate::dicom::AeTitle;
use crate::state::Repeats;
use std::os::unix::fs::PermissionsExt as _;

fn trial(family: &str, carrier: Carried, get: Fate) -> Trial {
    Trial {
        family: family.to_owned(),
        class: "1.2.840.10008.5.1.4.1.1.2".to_owned(),
        carrier,
        sealed: "1.2.840.10008.1.2.1".to_owned(),
        stored: "1.2.840.10008.1.2.1".to_owned(),
        bytes: 70_000,
        get: Some(get),
        moved: Vec::new(),
    }
}

fn result(trials: Vec<Trial>) -> ProbeResult {
    ProbeResult {
        version: VERSION,
        archive: "PACS 1".to_owned(),
        address: "10.0.0.1:104".to_owned(),
        gateway: "gate-1".to_owned(),
        at: jiff::Timestamp::from_second(1_800_000_000).unwrap(),
        aged: 60,
        largest: 1 << 20,
        repeats: Repeats::Replaced,
        mints: false,
        coerces: vec!["PatientName".to_owned()],
        reads_back: true,
        trials,
        left_behind: None,
        moved_at: None,
        late: None,
    }
}

#[test]
fn a_result_comes_back_and_a_changed_one_does_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let archive = AeTitle::new("PACS 1").unwrap();
    assert!(matches!(ProbeResult::load(folder.path(), &archive), Ok(None)));
    let result = result(vec![trial("ct", Carried::Pixels, Fate::Lossy)]);
    let kept = result.keep(folder.path(), &archive).unwrap();
    assert_eq!(kept, path(folder.path(), &archive));
    assert!(kept.to_str().unwrap().ends_with("vault/probe-PACS%201.json"));
    assert_eq!(ProbeResult::load(folder.path(), &archive).unwrap(), Some(result.clone()));
    let text = std::fs::read_to_string(&kept).unwrap();
    for (from, to) in [("\"lossy\"", "\"whole\""), ("replaced", "kept"), ("1048576", "1048577"), ("gate-1", "gate-2")] {
        assert!(text.contains(from), "{text}");
        std::fs::write(&kept, text.replace(from, to)).unwrap();
        assert!(matches!(ProbeResult::load(folder.path(), &archive), Err(ProveFault::Unsigned(_))), "{from}");
    }
    // Another archive's does not count for this one, nor another gateway's.
    std::fs::write(&kept, &text).unwrap();
    let other = AeTitle::new("PACS2").unwrap();
    std::fs::copy(&kept, path(folder.path(), &other)).unwrap();
    assert!(matches!(ProbeResult::load(folder.path(), &other), Err(ProveFault::Unsigned(_))));
    let key = folder.path().join("vault/probe.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(ProbeResult::load(folder.path(), &archive), Err(ProveFault::Key(..))));
    std::fs::remove_file(&key).unwrap();
    assert!(matches!(ProbeResult::load(folder.path(), &archive), Err(ProveFault::Unsigned(_))));
    result.keep(folder.path(), &archive).unwrap();
    std::fs::write(&kept, &text).unwrap();
    assert!(matches!(ProbeResult::load(folder.path(), &archive), Err(ProveFault::Unsigned(_))), "another key");
}

#[test]
fn what_did_not_come_back_whole_each_way_is_not_proven() {
    let good = trial("ct", Carried::Pixels, Fate::Whole);
    assert!(result(vec![good.clone()]).proves("ct", Carried::Pixels).is_ok());
    assert!(result(vec![good.clone()]).proves("ct", Carried::Attributes).is_err());
    // Of a private class nothing can be tried.
    assert!(result(vec![good.clone()]).proves("other", Carried::Pixels).is_ok());
    let bad = trial("mr", Carried::Pixels, Fate::Lossy);
    assert!(result(vec![good.clone(), bad]).proves("other", Carried::Pixels).is_err());
    let untaken = trial("ct", Carried::Pixels, Fate::NotTaken);
    assert!(result(vec![untaken.clone()]).proves("ct", Carried::Pixels).is_err());
    assert!(result(vec![untaken, good.clone()]).proves("ct", Carried::Pixels).is_ok());
    for fate in [
        Fate::Lossy,
        Fate::Dropped,
        Fate::Compressed("1.2.840.10008.1.2.4.110".to_owned()),
        Fate::Changed("x".to_owned()),
        Fate::Refused("x".to_owned()),
        Fate::Missing("x".to_owned()),
    ] {
        let bad = trial("ct", Carried::Pixels, fate.clone());
        assert!(result(vec![good.clone(), bad]).proves("ct", Carried::Pixels).is_err(), "{fate:?}");
        let moved = Trial { moved: vec![("WS1".to_owned(), fate.clone())], ..good.clone() };
        assert!(result(vec![moved]).proves("ct", Carried::Pixels).is_err(), "{fate:?}");
    }
}

#[test]
fn what_was_not_found_out_stays_as_it_was_and_what_is_lost_is_lost() {
    let unasked = || Fate::Unasked("it hung up".to_owned());
    let earlier = result(vec![trial("ct", Carried::Pixels, Fate::Whole), trial("mr", Carried::Pixels, Fate::Whole)]);
    let new = |ct, mr| {
        let mut new = result(vec![trial("ct", Carried::Pixels, ct), trial("mr", Carried::Pixels, mr)]);
        new.at = jiff::Timestamp::from_second(1_900_000_000).unwrap();
        new.in_place_of(&earlier)
    };
    assert_eq!(new(unasked(), Fate::Whole), None);
    let found = new(Fate::Whole, Fate::Lossy).unwrap();
    assert!(found.at > earlier.at && found.proves("mr", Carried::Pixels).is_err());
    // It is due again, for the one that was not found out.
    let mixed = new(unasked(), Fate::Lossy).unwrap();
    assert!(mixed.at == earlier.at && mixed.proves("ct", Carried::Pixels).is_ok());
    assert!(mixed.proves("mr", Carried::Pixels).is_err());
    // Nothing was known of it before either.
    let bad = result(vec![trial("ct", Carried::Pixels, unasked())]);
    assert!(bad.clone().in_place_of(&bad).is_some() && bad.proves("ct", Carried::Pixels).is_err());
}
