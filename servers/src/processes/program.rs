//! A child that becomes another program: this program again, with the server's arguments and one
//! more. It therefore has the server's settings. State that only the server has, such as the stage
//! of stopping, is in memory that both map.

use std::env;
use std::ffi::{CString, OsString, c_char};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStringExt;
use std::ptr;
use std::sync::atomic::Ordering::SeqCst;

use rustix::fs::fcntl_get_seals;
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::stdio::{dup2_stdin, dup2_stdout};

use super::shared::{self, Child, Page};
use super::{PLACE, children, goes_on_as};
use crate::connection::{Arrival, Conn};
use crate::models::Model;
use crate::net::Server;
use crate::stopping::signals;

/// The argument that says that standard input is a client, and which descriptor is the server's
/// memory.
const WORD: &str = "--client-of=";
/// Its position: after the program's name and that of its command, if it has one.
const AT: usize = 2;

/// The arguments of this process, without the one that a server adds for a client.
pub fn arguments() -> impl Iterator<Item = OsString> {
    let added = serves_one_client();
    let is_word = |said: &OsString| said.as_encoded_bytes().starts_with(WORD.as_bytes());
    env::args_os().filter(move |said| !added || !is_word(said))
}

/// Whether a server has started this process, to serve one client.
#[must_use]
pub fn serves_one_client() -> bool {
    memory_of_server().is_some()
}

fn memory_of_server() -> Option<RawFd> {
    let number = |said: OsString| said.to_str()?.strip_prefix(WORD)?.parse().ok();
    env::args_os().take(AT + 1).find_map(number).filter(|fd| *fd > 2)
}

/// The memory that all processes of a server share.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) page: &'static Page,
    /// The file that holds it, where another program has to find it.
    pub(crate) file: Option<OwnedFd>,
    /// Whether a server has handed it to this process, which is a child of that server from then
    /// on.
    pub(crate) inherited: bool,
}

/// The memory of this server: its own, or that of the server that has started this process.
///
/// # Errors
/// When there is no such server, or no memory.
pub(crate) fn memory(model: &Model) -> io::Result<Memory> {
    if let Some(page) = inherited_page()? {
        return Ok(Memory { page, file: None, inherited: true });
    }
    let file = model.program_per_client.then(shared::file).transpose()?;
    Ok(Memory { page: shared::page(file.as_ref())?, file, inherited: false })
}

fn inherited_page() -> io::Result<Option<&'static Page>> {
    let Some(number) = memory_of_server() else { return Ok(None) };
    #[expect(unsafe_code, reason = "a descriptor that is inherited is known by number")]
    // SAFETY: nothing else in this process knows of it. Whether it is open the next call tells.
    let memory = unsafe { OwnedFd::from_raw_fd(number) };
    // Anyone may type the argument, and any other file could be truncated while it is mapped.
    fcntl_get_seals(&memory)?;
    let (page, children) = (shared::page(Some(&memory))?, shared::children_in(&memory)?);
    let own = rustix::process::getpid().as_raw_pid();
    let place = children.iter().position(|child| child.pid.load(SeqCst) == own);
    let place = place.ok_or_else(|| io::Error::other("no server has started this process"))?;
    goes_on_as(place, children);
    // Or lists of processes would call it by the last part of /proc/self/exe.
    let _ = rustix::thread::set_name(c"c10k");
    Ok(Some(page))
}

/// The client that this process was started for, and the place of the child that it is.
pub(crate) fn inherited(server: &'static Server) -> Option<(Conn, usize)> {
    let place = PLACE.load(SeqCst);
    let Child { sequence, accepted_ns, .. } = children().get(place)?;
    let arrival = server.config.greeting.then(|| Arrival {
        sequence: sequence.load(SeqCst),
        accepted_ns: accepted_ns.load(SeqCst),
    });
    #[expect(unsafe_code, reason = "standard input is known by number")]
    // SAFETY: the server has put the client there, and nothing here reads standard input otherwise.
    let stream = unsafe { OwnedFd::from_raw_fd(libc::STDIN_FILENO) };
    Some((Conn::new(server, stream, arrival), place))
}

/// A program that serves one client.
#[derive(Debug)]
pub(crate) struct Program {
    memory: BorrowedFd<'static>,
    /// The memory that the pointers refer to.
    _words: Vec<CString>,
    /// The arguments as execve(2) takes them, with a null pointer at the end.
    pointers: Vec<*const c_char>,
}

impl Program {
    /// This program, for the clients of that server.
    ///
    /// # Errors
    /// When the server has no memory that another program can find.
    pub(crate) fn this(server: &'static Server) -> io::Result<Self> {
        use std::os::fd::AsFd;
        let memory = server.memory().ok_or_else(|| io::Error::other("its memory is its own"))?;
        let mut words: Vec<OsString> = env::args_os().collect();
        words.insert(AT.min(words.len()), format!("{WORD}{}", memory.as_raw_fd()).into());
        let words = words.into_iter().map(|word| Ok(CString::new(word.into_vec())?));
        let words = words.collect::<io::Result<Vec<_>>>()?;
        let pointers = words.iter().map(|word| word.as_ptr()).chain([ptr::null()]).collect();
        Ok(Self { memory: memory.as_fd(), _words: words, pointers })
    }

    /// In a child: becomes the program, whose standard input and output are the connection. Returns
    /// only if the kernel refuses that. It allocates nothing.
    pub(crate) fn becomes_this_process(&self, conn: &Conn) {
        if let Some(Arrival { sequence, accepted_ns }) = conn.arrival() {
            let own = &children()[PLACE.load(SeqCst)];
            own.sequence.store(sequence, SeqCst);
            own.accepted_ns.store(accepted_ns, SeqCst);
        }
        signals::ignore_until_installed();
        let prepared = dup2_stdin(&conn.stream)
            .and_then(|()| dup2_stdout(&conn.stream))
            .and_then(|()| fcntl_setfd(self.memory, FdFlags::empty()));
        if prepared.is_ok() {
            #[expect(unsafe_code, reason = "the standard library's exec allocates")]
            // SAFETY: the path and the words end with zeros, the list of words with a null pointer, and
            // all of them outlive the call.
            unsafe {
                // The program's file as it was when the server was started, also when it is replaced.
                libc::execv(c"/proc/self/exe".as_ptr(), self.pointers.as_ptr());
            }
        }
    }
}
