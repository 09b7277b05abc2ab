//! The `dicomgate` program: arguments to [`dicomgate::cli`], its answer to an exit code.

fn main() -> std::process::ExitCode {
    dicomgate::cli::main()
}
