use super::report::Report;
use super::{DemoArgs, show};

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
