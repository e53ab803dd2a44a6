//! The requests of a workload.

use anyhow::{Result, ensure};
use protocol::http::Method;
use protocol::{App, Ask, Draw, Framing, Recipe, Request, Sessions};
use serde::{Deserialize, Serialize};

use super::{ServerPlan, draws};
use crate::document::RequestRecord;
use crate::workload::requests;

/// What every request asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
#[serde(deny_unknown_fields)]
pub enum RequestPlan {
    /// So many bytes of text returned.
    Echo {
        /// Bytes of text.
        #[serde(with = "draws::number")]
        bytes: Draw,
    },
    /// Two whole numbers multiplied.
    Multiply {
        /// Decimal digits of each.
        digits: usize,
    },
    /// CPU burnt, a wait waited, a reply of a certain size.
    Work {
        /// Rounds of CPU work.
        #[serde(with = "draws::number")]
        rounds: Draw,
        /// The wait, in nanoseconds here.
        #[serde(with = "draws::wait")]
        wait: Draw,
        /// Bytes of the reply.
        #[serde(with = "draws::number")]
        reply_bytes: Draw,
    },
    /// Steps of sessions, whose state and history are the server's settings.
    Session {
        /// Steps of each.
        steps: u32,
    },
    /// A page of an HTTP server of any make: its status must be from 200 to 299, and all bodies as long
    /// as the first.
    Page {
        /// Its path.
        path: String,
    },
}

impl RequestPlan {
    /// As the protocol has it; `seed` is of what is drawn. A page is no request of the protocol.
    #[must_use]
    pub fn request(&self, seed: u64) -> Option<Request> {
        Some(match *self {
            Self::Echo { bytes } => Request::echo(bytes, seed),
            Self::Multiply { digits } => Request::Multiply { digits },
            Self::Session { steps } => Request::Session(Sessions { steps, history: 0, home: None }),
            Self::Work { rounds, wait, reply_bytes } => {
                Request::work(rounds, wait, reply_bytes, seed)
            }
            Self::Page { .. } => return None,
        })
    }

    /// How requests are made and replies are judged, with servers of these settings.
    ///
    /// # Errors
    /// When such requests cannot be made.
    pub(super) fn recipe(
        &self,
        server: &ServerPlan,
        (app, framing): (App, Framing),
        host: &str,
        seed: u64,
    ) -> Result<Recipe> {
        let Self::Page { path } = self else {
            let request = self.request(seed).expect("all others have one");
            return Ok(Recipe::new(app, framing, server.fit(request)?)?);
        };
        ensure!(
            framing == Framing::Http,
            "request: a page needs HTTP: set framing = \"http\" in [server]"
        );
        Ok(Recipe::asking(Ask::new(&Method::new("GET")?, path, host, &[], &[])?))
    }

    /// How requests of that recipe are written down.
    #[must_use]
    pub fn written(&self, recipe: &Recipe, seed: u64) -> RequestRecord {
        match (self, self.request(seed)) {
            (_, Some(request)) => requests::written(recipe, request),
            (Self::Page { path }, None) => RequestRecord::Http {
                method: "GET".into(),
                path: path.clone(),
                headers: Vec::new(),
                body_bytes: 0,
                status: None,
                expect_bytes: None,
                any_length: false,
            },
            (_, None) => unreachable!("all but a page are requests of the protocol"),
        }
    }
}
