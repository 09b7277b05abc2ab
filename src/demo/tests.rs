use super::report::Report;
use super::study::Study;
use super::{DemoArgs, show};
use std::fs;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tour_does_what_it_should_and_leaves_nothing_behind() {
    let mut report = Report::new(Vec::new(), false);
    let args = DemoArgs { study: None, once: true, keep: false };
    let ended = show(&args, &mut report).await;
    let (passed, failed) = (report.passed(), report.failed());
    let said = String::from_utf8(report.into_inner()).unwrap();
    assert_eq!((ended, failed), (Ok(()), 0), "{said}");
    assert!(passed > 15, "{said}");
    for words in ["bit for bit", "rejected (1/1/1)", "incident ", "the audit chain verifies"] {
        assert!(said.contains(words), "`{words}` in\n{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_own_files_a_person_still_sees_her_own_patients_study_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("1.dcm"), Study::phantom().objects[0].to_file()).unwrap();
    let mut report = Report::new(Vec::new(), false);
    let args = DemoArgs { study: Some(folder.path().to_owned()), once: true, keep: false };
    let ended = show(&args, &mut report).await;
    let failed = report.failed();
    let said = String::from_utf8(report.into_inner()).unwrap();
    assert_eq!((ended, failed), (Ok(()), 0), "{said}");
    for words in [
        "finds 1 study, her patient's, where WS1 by itself finds 3 studies; the birth date comes back empty",
        "the other study is answered 0000H without an object, like one that does not exist",
        "policy: wrong passcode of a local account, 1 in a row",
        "policy: the canary",
        "lets her in again",
    ] {
        assert!(said.contains(words), "`{words}` in\n{said}");
    }
}
