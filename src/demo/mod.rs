//! A small hospital on this machine, to show the gateway at work: a built-in archive, a certificate authority, a
//! scanner, a workstation and a phantom study. Nothing of it serves patients.

pub mod archive;
pub mod client;
mod command;
pub mod device;
pub mod elements;
pub mod folder;
pub mod hospital;
pub mod journal;
pub mod link;
pub mod object;
pub mod phantom;
mod picture;
mod pieces;
pub mod report;
mod stay;
pub mod study;
mod tour;

use hospital::Hospital;
use report::{Report, counted, volume};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;
use study::Study;

/// What `dicomgate demo` can be told.
#[derive(Debug, Clone, clap::Args)]
pub struct DemoArgs {
    /// Show these DICOM files instead of the computed phantom (read recursively).
    #[arg(long, value_name = "DIR")]
    pub study: Option<PathBuf>,
    /// End after the tour instead of staying up.
    #[arg(long)]
    pub once: bool,
    /// Leave the temporary folder behind.
    #[arg(long)]
    pub keep: bool,
}

/// The most files left out that are listed.
const LISTED: usize = 10;

/// Runs the demonstration; 0 when every step did what it should, 1 when one did not.
pub fn run(args: &DemoArgs) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(fault) => {
            eprintln!("dicomgate: {fault}");
            return ExitCode::from(70);
        }
    };
    let mut report = Report::stdout();
    match runtime.block_on(show(args, &mut report)) {
        Ok(()) if report.failed() == 0 => ExitCode::SUCCESS,
        Ok(()) => ExitCode::from(1),
        Err(words) => {
            report.cross(words);
            ExitCode::from(1)
        }
    }
}

async fn show<W: Write>(args: &DemoArgs, report: &mut Report<W>) -> Result<(), String> {
    report.chapter("A small hospital on this machine");
    let started = Instant::now();
    let study = match &args.study {
        None => Study::phantom(),
        Some(folder) => Study::from_folder(folder)?,
    };
    let took = started.elapsed();
    let source = match &args.study {
        None => format!("computed a phantom CT of {} slices", study.objects.len()),
        Some(folder) => {
            let objects = counted(study.objects.len(), "object", "objects");
            let studies = counted(study.studies.len(), "study", "studies");
            format!("read {objects} of {studies} from {}", folder.display())
        }
    };
    report.tick(format_args!("{source}: {}", volume(study.bytes(), took)));
    for (path, words) in study.left_out.iter().take(LISTED) {
        report.detail(format_args!("left out {}: {words}", path.display()));
    }
    if study.left_out.len() > LISTED {
        report.detail(format_args!("and {} more", study.left_out.len() - LISTED));
    }
    let hospital =
        Hospital::open(args, &study, jiff::Timestamp::now().as_second()).await.map_err(|fault| fault.to_string())?;
    report
        .tick(format_args!("an archive that asks nobody who they are, plain DICOM on {}", hospital.archive.address()));
    report.tick("a certificate authority; certificates for the gateway, the scanner CT1, the workstation WS1, the front desk DESK1");
    report.tick(format_args!("the gateway in front of it, mutual TLS on {}", hospital.target.address));
    // Ctrl-C in mid tour ends it too, but in good order: the folder goes.
    let walked = tokio::select! {
        incidents = tour::walk(report, &hospital, study) => Some(incidents),
        () = interrupted() => None,
    };
    match walked {
        None => report.cross("interrupted"),
        Some(incidents) => {
            summary(report);
            if !args.once {
                stay::hints(report, &hospital, &incidents);
                interrupted().await;
            }
        }
    }
    if args.keep {
        report.text(format_args!("kept: {}", hospital.folder.path().display()));
    }
    let Hospital { folder, archive, gateway, .. } = hospital;
    gateway.stop("the demonstration is over").await;
    drop(archive);
    drop(folder);
    Ok(())
}

/// Waits for SIGINT or SIGTERM.
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
        (Ok(mut interrupt), Ok(mut terminate)) => {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
        // Without handlers a signal ends the process at once, which is an end too.
        _ => std::future::pending().await,
    }
}

fn summary<W: Write>(report: &mut Report<W>) {
    let (passed, failed) = (report.passed(), report.failed());
    report.chapter(if failed == 0 {
        format!("{passed} of {passed} steps did what they should")
    } else {
        format!("{failed} of {} steps did not do what they should", passed + failed)
    });
}
