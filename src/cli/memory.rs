//! What is in memory stays there: passcodes, tokens, private keys and patients are no part of a core dump. And there is no
//! more of it than is used.

use nix::sys::resource::{Resource, setrlimit};

/// From now on this process leaves no core dump, and nobody but root looks into it.
///
/// Both are needed. A core file is bounded by `RLIMIT_CORE` (setrlimit(2)), but where the system hands dumps to a program
/// (`core_pattern` with `|`, core(5)) a limit of 0 is not enforced by the kernel: only a process that is not dumpable
/// (`PR_SET_DUMPABLE`, prctl(2)) is left alone then. That also keeps other processes of the same user from attaching a
/// debugger or reading `/proc/PID/mem`. A fault is said on standard error and ends nothing: patients wait.
pub(super) fn withhold() {
    if let Err(fault) = setrlimit(Resource::RLIMIT_CORE, 0, 0) {
        eprintln!("core dumps cannot be switched off (RLIMIT_CORE): {fault}");
    }
    #[cfg(target_os = "linux")]
    if let Err(fault) = nix::sys::prctl::set_dumpable(false) {
        eprintln!("core dumps cannot be switched off (PR_SET_DUMPABLE): {fault}");
    }
}

/// From now on memory comes in pages of the usual size.
///
/// The allocator asks for huge ones (2 MiB, `MADV_HUGEPAGE`), of which all stays resident while a kilobyte of it is in use.
/// For a gateway that passes on what it takes these are no gain in time, and up to half of what a long object takes
/// above an idle one (docs/performance.md). A kernel that does not know of it changes nothing.
pub(super) fn in_small_pages() {
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_thp_disable(true);
}
