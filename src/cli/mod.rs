//! The commands, one file each; from arguments to an exit code. They print, and never decide.

pub mod audit;
pub mod why;

/// Runs the command that the arguments name.
pub fn main() -> std::process::ExitCode {
    std::process::ExitCode::from(2)
}
