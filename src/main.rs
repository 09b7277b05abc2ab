//! The `dicomgate` program: arguments to [`dicomgate::cli`], its answer to an exit code.

/// Messages are many small allocations of short life, on several threads at once.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    dicomgate::cli::main()
}
