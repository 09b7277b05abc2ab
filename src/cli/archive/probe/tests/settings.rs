//! From a report to settings, and back to the configuration that they are compared with.

use super::{free, good, probed, settings};
use crate::cli::archive::probe::{block, table};
use crate::cli::archive::report::{Capacity, Found, Originator, Report};
use crate::cli::archive::{compare, keep};
use crate::config::{Correlate, Settings};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

async fn report() -> (tempfile::TempDir, Settings, Report) {
    let folder = tempfile::tempdir().unwrap();
    let mut report = probed(good, true).await;
    let settings = settings(folder.path(), report.address.parse().unwrap(), free());
    report.address = settings.archives[0].address.to_string();
    (folder, settings, report)
}

/// The block in place of the `[[archive]]` of the configuration, loaded again.
fn reloaded(folder: &tempfile::TempDir, block: &str) -> Settings {
    let path = folder.path().join("gateway.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once("[[archive]]").unwrap();
    let (_, behind) = rest.split_once("[policy]").unwrap();
    std::fs::write(&path, format!("{before}{block}[policy]{behind}")).unwrap();
    crate::config::load(&path).unwrap_or_else(|faults| panic!("{faults}\n{block}"))
}

#[tokio::test]
async fn the_settings_printed_are_those_that_the_comparison_has_nothing_to_say_to() {
    let (folder, settings, mut report) = report().await;
    for change in [
        |_: &mut Report| {},
        |report: &mut Report| {
            let Found::Known(moved) = &mut report.moved else { panic!("nothing was moved") };
            moved.calls_as = vec!["PACS_STORE".into(), "O\"CALL".into()];
            moved.originator = Found::Known(Originator::Missing);
            moved.late = 2;
            moved.lag = 7_200_000;
            report.associations = Found::Known(Capacity { taken: 9, refused: Some("no".into()) });
        },
    ] {
        change(&mut report);
        let block = block::block(&settings.archives[0], &report);
        let archive = reloaded(&folder, &block).archives.remove(0);
        assert_eq!(compare::compare(&archive, &report), Vec::<String>::new(), "{block}");
    }
    let archive = reloaded(&folder, &block::block(&settings.archives[0], &report)).archives.remove(0);
    assert_eq!(archive.correlate, Correlate::Destination);
    assert!(archive.deliveries_may_lag.unwrap() > Duration::from_secs(7200));
    assert_eq!((archive.max_associations, archive.reserved_for_store), (Some(9), 2));
}

#[tokio::test]
async fn each_difference_is_said() {
    let (_folder, settings, mut report) = report().await;
    let archive = &settings.archives[0];
    assert_eq!(compare::compare(archive, &report), Vec::<String>::new());
    {
        let Found::Known(moved) = &mut report.moved else { panic!("nothing was moved") };
        moved.originator = Found::Known(Originator::Wrong("OTHER, message 1".into()));
        moved.calls_as = vec!["PACS_STORE".into()];
        moved.late = 1;
    }
    report.associations = Found::Known(Capacity { taken: 4, refused: Some("no".into()) });
    let said = compare::compare(archive, &report).join("\n");
    for words in ["correlate", "`PACS_STORE`, which is not in `calls_as`", "deliveries_may_lag", "bore 4 associations"]
    {
        assert!(said.contains(words), "`{words}` is not in {said}");
    }
    let mut narrow = archive.clone();
    narrow.calls_from = vec!["10.0.0.0/8".parse().unwrap()];
    assert!(compare::compare(&narrow, &report).join("\n").contains("127.0.0.1, which is not in `calls_from`"));
    // Found out about another place: nothing of it counts.
    report.address = "10.0.0.9:104".into();
    let said = compare::compare(archive, &report);
    assert!(said.len() == 1 && said[0].contains("probe it again"), "{said:?}");
}

#[tokio::test]
async fn a_report_is_kept_for_the_gateway_alone_and_read_again() {
    let (_folder, settings, report) = report().await;
    let state = tempfile::tempdir().unwrap();
    let title = settings.archives[0].ae_title;
    let path = keep::write(state.path(), &title, &report).unwrap().unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(keep::read(state.path(), &title), Some(report.clone()));
    assert!(keep::unreadable(state.path(), &title).is_none());
    // One that knows less does not take its place, unless the archive has moved.
    let mut less = Report { stored: false, ..report.clone() };
    assert_eq!(keep::write(state.path(), &title, &less).unwrap(), None);
    less.address = "10.0.0.9:104".into();
    assert!(keep::write(state.path(), &title, &less).unwrap().is_some());
    assert_eq!(keep::read(state.path(), &title), Some(less.clone()));
    less.version += 1;
    std::fs::write(&path, serde_json::to_string(&less).unwrap()).unwrap();
    assert_eq!(keep::read(state.path(), &title), None);
    std::fs::remove_file(&path).unwrap();
    assert!(keep::unreadable(state.path(), &title).is_none());
    std::os::unix::fs::symlink(&path, &path).unwrap();
    assert!(keep::unreadable(state.path(), &title).is_some());
    // Whatever a title has in it, its file lies in the folder.
    for odd in ["../../etc", "A/B", ".", "A B"] {
        let path = keep::path(state.path(), &odd.parse().unwrap());
        assert_eq!(path.parent().unwrap(), state.path().join("probe"));
        assert!(!path.file_name().unwrap().to_str().unwrap().starts_with('.'), "{}", path.display());
    }
}

#[tokio::test]
async fn the_table_says_what_was_not_found_out() {
    let report = probed(good, false).await;
    let table = table::table(&report);
    assert!(table.contains("needs a test study in the archive: --store"), "{table}");
    let known = table::table(&probed(good, true).await);
    assert!(known.contains("yes: (0000,1030) and (0000,1031) are right"), "{known}");
    assert!(known.contains("DICOMGATE-PROBE"), "{known}");
}
