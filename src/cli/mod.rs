//! The commands, one file each; from arguments to an exit code. They print, and never decide.
//!
//! Exit codes: 0 fine, 1 it ran and the answer is no, 2 usage, 64 configuration, 70 internal.

pub mod archive;
pub mod audit;
pub mod certs;
pub mod check;
pub mod commit;
mod decode;
mod dial;
pub mod edge;
mod fresh;
mod kept;
mod memory;
pub mod policy;
pub mod quarantine;
pub mod run;
mod state;
pub mod user;
pub mod vault;
pub mod why;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// The configuration cannot be used (EX_USAGE).
pub const EXIT_CONFIGURATION: u8 = 64;
/// Something failed that should not (EX_SOFTWARE).
pub const EXIT_INTERNAL: u8 = 70;

/// An encrypting DICOM gateway in front of an archive that nobody may touch.
#[derive(Debug, Parser)]
#[command(name = "dicomgate", version, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// A whole small hospital on this machine; shows each promise at work
    Demo(crate::demo::DemoArgs),
    /// Run the gateway
    Run(run::Run),
    /// Say everything that is wrong with the configuration and the wiring, at once
    Check(check::Check),
    /// Find out how an archive behaves
    #[command(subcommand)]
    Archive(archive::Command),
    /// Test, explain and look up the policy
    Policy(policy::PolicyCommand),
    /// Say why something was refused: by incident, peer or address
    Why(why::Args),
    /// Prove the audit log, or show its records
    #[command(subcommand)]
    Audit(audit::Command),
    /// Show storage commitment reports that wait for their requesters
    #[command(subcommand)]
    Commit(commit::Command),
    /// Show who may do nothing until released, and release them
    #[command(subcommand)]
    Quarantine(quarantine::Command),
    /// Seals and keys: open sealed objects without a gateway, prove that escrow opens them
    #[command(subcommand)]
    Vault(vault::Command),
    /// Make, issue, revoke and show certificates
    Certs(certs::Certs),
    /// Make, remove and list local accounts of people
    #[command(subcommand)]
    User(user::Command),
    /// Make a gateway beside a device that cannot do TLS
    Edge(edge::Edge),
    /// Decode frames for the gateway; it starts this itself
    #[command(hide = true)]
    DecodeWorker(decode::Worker),
}

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    // Before anything secret is read.
    memory::withhold();
    memory::in_small_pages();
    match Arguments::parse().command {
        Command::Demo(demo) => crate::demo::run(&demo),
        Command::Run(run) => run::run(&run),
        Command::Check(check) => check::run(&check),
        Command::Archive(command) => archive::run(&command),
        Command::Policy(command) => policy::run(&command),
        Command::Why(args) => why::run(&args),
        Command::Audit(command) => audit::run(&command),
        Command::Commit(command) => commit::run(&command),
        Command::User(command) => {
            let (mut input, mut out, mut err) =
                (std::io::stdin().lock(), std::io::stdout().lock(), std::io::stderr().lock());
            ExitCode::from(user::run(&command, &mut input, &mut out, &mut err))
        }
        Command::Vault(command) => vault::run(&command),
        Command::DecodeWorker(worker) => decode::run(&worker),
        Command::Quarantine(command) => quarantine::run(&command),
        Command::Edge(edge) => {
            let now = jiff::Zoned::now();
            ExitCode::from(edge::run(&edge, &now, &mut std::io::stdout().lock(), &mut std::io::stderr().lock()))
        }
        Command::Certs(certs) => {
            let now = jiff::Timestamp::now().as_second();
            ExitCode::from(certs::run(&certs, now, &mut std::io::stdout().lock(), &mut std::io::stderr().lock()))
        }
    }
}
