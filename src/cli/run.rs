//! `dicomgate run`: the gateway, until it is told to stop.

use super::archive::compare;
use super::{EXIT_CONFIGURATION, EXIT_INTERNAL};
use crate::admin;
use crate::config;
use crate::proxy::{Gateway, StartFault};
use crate::telemetry::logging::{self, LogFormat};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

/// Run the gateway. SIGHUP or a changed file reloads without dropping an association; SIGTERM and Ctrl-C drain.
#[derive(Debug, Args)]
pub struct Run {
    /// The configuration
    #[arg(long, short, value_name = "FILE", default_value = config::DEFAULT_PATH)]
    pub config: PathBuf,
    /// How log lines look
    #[arg(long, value_enum, default_value_t)]
    pub log: LogFormat,
}

/// Runs the gateway.
pub fn run(run: &Run) -> ExitCode {
    logging::start(run.log);
    let settings = match config::load(&run.config) {
        Ok(settings) => settings,
        Err(faults) => {
            eprintln!("{faults}");
            return ExitCode::from(EXIT_CONFIGURATION);
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(fault) => {
            eprintln!("the runtime cannot be started: {fault}");
            return ExitCode::from(EXIT_INTERNAL);
        }
    };
    let outcome = runtime.block_on(serve(settings));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("{fault}");
            ExitCode::from(match fault {
                StartFault::Wiring(_) | StartFault::State(..) | StartFault::Database(_) | StartFault::Listen(..) => {
                    EXIT_CONFIGURATION
                }
                StartFault::Audit(_) | StartFault::Metrics(_) | StartFault::Signals => EXIT_INTERNAL,
            })
        }
    }
}

async fn serve(settings: config::Settings) -> Result<(), StartFault> {
    // Before anything is begun: a signal that comes meanwhile then ends it in good order.
    let (Ok(mut hangup), Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::hangup()), signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return Err(StartFault::Signals);
    };
    let pages = settings
        .admin
        .address
        .map(admin::bind)
        .transpose()
        .map_err(|(address, fault)| StartFault::Listen(address, fault))?;
    for words in compare::of_settings(&settings) {
        tracing::warn!("{words}");
    }
    let most = usize::try_from(settings.limits.admin_connections).unwrap_or(usize::MAX);
    let mut gateway = Gateway::start(settings).await?;
    // They answer to the end, so that a drain can be watched; the task ends with the program.
    if let Some(socket) = pages {
        tokio::spawn(admin::serve(socket, gateway.view(), most));
    }
    if let Some(seed) = gateway.seed.take() {
        // Shown once and kept nowhere: whoever has it can prove later that nobody rewrote the log.
        eprintln!(
            "The audit log begins here. Its seed, for the auditor, to be kept off this machine and not shown again:\n\n    {}\n\n\
             `dicomgate audit verify --seed SEED` proves with it that nobody rewrote the log, not even with this machine's keys.\n",
            seed.reveal()
        );
        if !std::io::IsTerminal::is_terminal(&std::io::stderr()) {
            eprintln!(
                "This was not written to a terminal: if a journal or log file on this machine has kept it, remove it there."
            );
        }
    }
    loop {
        tokio::select! {
            // Looking at what a changed policy would refuse may take a while; who wants to stop need not wait for it.
            _ = hangup.recv() => tokio::select! {
                () = gateway.reload() => {}
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
            },
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    gateway.stop("signal").await;
    Ok(())
}
