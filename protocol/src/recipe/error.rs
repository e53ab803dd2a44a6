//! Errors in a request template.

use core::fmt;

use crate::app::App;
use crate::job;
use crate::state::{HISTORY_BYTES_MAX, HISTORY_BYTES_MAX_RAW, SESSION_STEPS_MAX};
use crate::{FRAME_BYTES_MAX, RAW_BYTES_MAX};

/// Why a load cannot be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecipeError {
    /// The application has no such request.
    NotOffered {
        /// The request's name.
        request: &'static str,
        /// The application asked for it.
        app: App,
    },
    /// The request or its reply is longer than the framing or the protocol allows.
    TooLong,
    /// A size of zero, which asks for nothing.
    Empty,
    /// Sessions of no steps or too many, or with a history that cannot be.
    BadSession,
    /// In raw framing, the end of the reply cannot be found.
    UnknownHome,
    /// More CPU work or waiting than one request may ask for.
    TooMuchWork,
}

impl fmt::Display for RecipeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOffered { request, app } => {
                write!(f, "the application {} has no {request} request", app.name())
            }
            Self::TooLong => write!(
                f,
                "the request or its reply is too long: a line holds {FRAME_BYTES_MAX} bytes, a \
                 raw message {RAW_BYTES_MAX}, the reply of WORK {} (raw: {RAW_BYTES_MAX})",
                job::WORK_REPLY_BYTES_MAX
            ),
            Self::Empty => write!(f, "the request is empty: it needs at least one byte or digit"),
            Self::BadSession => write!(
                f,
                "a session has from 1 to {SESSION_STEPS_MAX} steps, and a history of a multiple of 8 \
                 bytes, {HISTORY_BYTES_MAX} at most (raw: {HISTORY_BYTES_MAX_RAW})"
            ),
            Self::UnknownHome => write!(
                f,
                "with raw framing the length of a reply depends on where the state is kept: give \
                 --state"
            ),
            Self::TooMuchWork => write!(
                f,
                "one request may ask for at most {} rounds and {} s of waiting",
                job::WORK_ROUNDS_MAX,
                job::WORK_WAIT_MAX.as_secs()
            ),
        }
    }
}

impl core::error::Error for RecipeError {}
