//! What a decoding worker may do: compute, read what is open, write what is open. Nothing else, from before the first byte of
//! an image.

use nix::libc;
use nix::sys::resource::{Resource, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};
use std::collections::BTreeMap;

/// Why the worker does not start.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("a limit cannot be set: {0}")]
    Limit(#[from] nix::Error),
    #[error("system calls cannot be restricted: {0}")]
    Filter(String),
    #[error("/proc/self/statm does not say how much memory is in use")]
    Memory,
}

/// So many bytes of memory beyond those in use, so many seconds of processor time; no file, socket or process.
pub(super) fn enter(memory: u64, seconds: u64) -> Result<(), Fault> {
    let statm = std::fs::read_to_string("/proc/self/statm").map_err(|_| Fault::Memory)?;
    let pages = |at: usize| statm.split(' ').nth(at).and_then(|pages| pages.trim().parse::<u64>().ok());
    let (all, data) = (pages(0).ok_or(Fault::Memory)?, pages(5).ok_or(Fault::Memory)?);
    for (resource, in_use) in [(Resource::RLIMIT_AS, all), (Resource::RLIMIT_DATA, data)] {
        let limit = in_use.saturating_mul(4096).saturating_add(memory);
        setrlimit(resource, limit, limit)?;
    }
    setrlimit(Resource::RLIMIT_CPU, seconds, seconds)?;
    setrlimit(Resource::RLIMIT_FSIZE, 0, 0)?;
    // What is open stays open.
    setrlimit(Resource::RLIMIT_NOFILE, 0, 0)?;
    let program = filter().map_err(|fault| Fault::Filter(fault.to_string()))?;
    seccompiler::apply_filter(&program).map_err(|fault| Fault::Filter(fault.to_string()))
}

fn filter() -> Result<BpfProgram, seccompiler::BackendError> {
    let plain = [
        libc::SYS_read,
        libc::SYS_write,
        libc::SYS_readv,
        libc::SYS_writev,
        libc::SYS_exit,
        libc::SYS_exit_group,
        libc::SYS_mmap,
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_mprotect,
        libc::SYS_madvise,
        libc::SYS_brk,
        libc::SYS_futex,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sigaltstack,
        libc::SYS_clock_gettime,
        libc::SYS_getrandom,
        libc::SYS_sched_yield,
        libc::SYS_sched_getaffinity,
        libc::SYS_set_robust_list,
        libc::SYS_rseq,
        libc::SYS_gettid,
        libc::SYS_getpid,
        libc::SYS_tgkill,
        libc::SYS_restart_syscall,
    ];
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = plain.into_iter().map(|call| (call, Vec::new())).collect();
    // Threads, but no processes. (clone3 hides its flags in memory; where it fails, clone is used.)
    let thread = u64::try_from(libc::CLONE_THREAD).unwrap_or(u64::MAX);
    let flags = SeccompCmpOp::MaskedEq(thread);
    let condition = SeccompCondition::new(0, SeccompCmpArgLen::Qword, flags, thread)?;
    rules.insert(libc::SYS_clone, vec![SeccompRule::new(vec![condition])?]);
    let name = u64::try_from(libc::PR_SET_NAME).unwrap_or(u64::MAX);
    let condition = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, name)?;
    rules.insert(libc::SYS_prctl, vec![SeccompRule::new(vec![condition])?]);
    let denied = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    let arch = std::env::consts::ARCH.try_into()?;
    SeccompFilter::new(rules, denied, SeccompAction::Allow, arch)?.try_into()
}
