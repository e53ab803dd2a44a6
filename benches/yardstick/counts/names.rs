//! Names of the system calls that a request may take.

/// The name of a system call, or its number if it is not in the list.
pub(super) fn syscall_name(number: u64) -> String {
    let name = NAMED.iter().find(|(known, _)| u64::try_from(*known) == Ok(number));
    name.map_or_else(|| format!("number {number}"), |(_, name)| (*name).to_string())
}

macro_rules! named {
    ($($(#[$when:meta])? $number:ident $name:literal),* $(,)?) => {
        &[$($(#[$when])? (libc::$number, $name)),*]
    };
}

static NAMED: &[(libc::c_long, &str)] = named![
    SYS_read "read",
    SYS_write "write",
    SYS_readv "readv",
    SYS_writev "writev",
    SYS_recvfrom "recvfrom",
    SYS_recvmsg "recvmsg",
    SYS_sendto "sendto",
    SYS_sendmsg "sendmsg",
    SYS_accept4 "accept4",
    SYS_close "close",
    SYS_shutdown "shutdown",
    SYS_getsockopt "getsockopt",
    SYS_setsockopt "setsockopt",
    SYS_epoll_ctl "epoll_ctl",
    SYS_epoll_pwait "epoll_pwait",
    SYS_epoll_pwait2 "epoll_pwait2",
    SYS_ppoll "ppoll",
    SYS_pselect6 "pselect6",
    SYS_io_uring_enter "io_uring_enter",
    SYS_futex "futex",
    SYS_sched_yield "sched_yield",
    SYS_clock_gettime "clock_gettime",
    SYS_clock_nanosleep "clock_nanosleep",
    SYS_mmap "mmap",
    SYS_munmap "munmap",
    SYS_madvise "madvise",
    SYS_brk "brk",
    #[cfg(target_arch = "x86_64")] SYS_epoll_wait "epoll_wait",
    #[cfg(target_arch = "x86_64")] SYS_poll "poll",
    #[cfg(target_arch = "x86_64")] SYS_select "select",
];
