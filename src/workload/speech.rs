//! Requests with known replies, in the protocol of the server under check.

mod page;

use protocol::{App, Framing};

pub use page::Page;

/// What a server speaks: its application and its framing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Speech {
    /// What a request means.
    pub app: App,
    /// How the stream is cut into messages.
    pub framing: Framing,
    /// Of an HTTP server that is not ours: what it is asked for, in place of an application.
    pub page: Option<&'static Page>,
}

/// A request and its correct reply, as they go over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What is sent.
    pub request: Vec<u8>,
    /// What must come: these bytes, or a reply as the page's others. Empty for a page.
    pub reply: Vec<u8>,
    /// The page that is asked for, where it is one.
    pub page: Option<&'static Page>,
}

impl Speech {
    /// The `bench` application over lines.
    pub const BENCH: Self = Self::for_app(App::Bench, Framing::Line);

    /// An application of ours.
    #[must_use]
    pub const fn for_app(app: App, framing: Framing) -> Self {
        Self { app, framing, page: None }
    }

    /// Any HTTP server.
    #[must_use]
    pub const fn of_page(page: &'static Page) -> Self {
        Self { app: App::Bench, framing: Framing::Http, page: Some(page) }
    }

    /// A question; another one for another number, unless it is a page.
    #[must_use]
    pub fn question(self, n: u64) -> Question {
        if let Some(page) = self.page {
            return Question { request: page.request(), reply: Vec::new(), page: Some(page) };
        }
        if self.framing == Framing::Http {
            return match self.app {
                App::Bench | App::Echo => http_echo(&format!("question {n}")),
                App::Multiply => http_mul(&format!("22/-{n}"), &product_of_22_and_minus(n)),
                app => has_none(app),
            };
        }
        match self.app {
            App::Bench => self.wire(format!("ECHO question {n}"), format!("OK question {n}")),
            App::Echo => self.wire(format!("question {n}"), format!("question {n}")),
            App::Multiply => self.wire(format!("22 -{n}"), product_of_22_and_minus(n)),
            app => has_none(app),
        }
    }

    /// A question of about so many bytes.
    #[must_use]
    pub fn long(self, bytes: usize) -> Question {
        let text = "x".repeat(bytes);
        if self.framing == Framing::Http {
            let (request, reply) = nines(bytes / 2);
            return match self.app {
                App::Bench | App::Echo => http_echo(&text),
                App::Multiply => http_mul(&request.replace(' ', "/"), &reply),
                app => has_none(app),
            };
        }
        match self.app {
            App::Bench => self.wire(format!("ECHO {text}"), format!("OK {text}")),
            App::Echo => self.wire(text.clone(), text),
            App::Multiply => {
                let (request, reply) = nines(bytes / 2);
                self.wire(request, reply)
            }
            app => has_none(app),
        }
    }

    /// The beginning of a request, whose rest never comes.
    #[must_use]
    pub fn half(self) -> &'static [u8] {
        match self.app {
            _ if self.framing == Framing::Http => b"GET /never-fin",
            App::Bench => b"ECHO never fin",
            App::Echo => b"never fin",
            App::Multiply => b"22 9",
            app => has_none(app),
        }
    }

    /// Requests that make no sense, with the beginning of the only correct reply to each; empty
    /// where every request does.
    #[must_use]
    pub fn nonsense(self) -> &'static [(&'static [u8], &'static str)] {
        match self.app {
            App::Bench => &[
                (b"\0\xff\x11", "ERR unknown-verb "),
                (b"", "ERR unknown-verb "),
                (b"MUL 1 x", "ERR bad-argument "),
                (b"WORK 1 2", "ERR bad-argument "),
            ],
            App::Echo => &[],
            App::Multiply => &[
                (b"\0\xff\x11", "ERR bad-argument "),
                (b"", "ERR bad-argument "),
                (b"22 nine", "ERR bad-argument "),
                (b"22", "ERR bad-argument "),
            ],
            app => has_none(app),
        }
    }

    fn wire(self, request: String, reply: String) -> Question {
        let end = if self.framing == Framing::Line { "\n" } else { "" };
        Question { request: (request + end).into(), reply: (reply + end).into(), page: None }
    }
}

/// The command line and plans admit no such application here.
fn has_none(app: App) -> ! {
    unreachable!("{} has no requests with known replies", app.name())
}

/// A text that is to be returned, over HTTP, and what our models answer.
fn http_echo(text: &str) -> Question {
    let len = text.len();
    let head = format!("POST /echo HTTP/1.1\r\nHost: c10k\r\nContent-Length: {len}\r\n\r\n");
    Question { request: (head + text).into(), reply: http_reply(text), page: None }
}

fn http_mul(factors: &str, product: &str) -> Question {
    let request = format!("GET /mul/{factors} HTTP/1.1\r\nHost: c10k\r\n\r\n");
    Question { request: request.into(), reply: http_reply(product), page: None }
}

fn http_reply(body: &str) -> Vec<u8> {
    let len = body.len();
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Length: {len}\r\nContent-Type: text/plain\r\n\r\n");
    (head + body).into()
}

fn product_of_22_and_minus(n: u64) -> String {
    if n == 0 { "0".into() } else { format!("-{}", 22 * u128::from(n)) }
}

/// Two numbers of nines and their product: (10^n - 1)^2 is n-1 nines, an 8, n-1 zeros and a 1.
#[must_use]
pub fn nines(digits: usize) -> (String, String) {
    let (nines, less) = ("9".repeat(digits), digits - 1);
    (format!("{nines} {nines}"), format!("{}8{}1", "9".repeat(less), "0".repeat(less)))
}

/// Bytes as a message shows them: readable, and not too many.
#[must_use]
pub fn show(bytes: &[u8]) -> String {
    const SHOWN: usize = 60;
    let (text, more) = match bytes.get(..SHOWN) {
        Some(first) => (first, format!("... ({} bytes)", bytes.len())),
        None => (bytes, String::new()),
    };
    format!("\"{}\"{more}", text.escape_ascii())
}

#[cfg(test)]
mod tests {
    use protocol::{Service, Session, Step};

    use super::*;

    /// What our own session answers, jobs included.
    fn answer(speech: Speech, request: &[u8]) -> Vec<u8> {
        let Speech { app, framing, .. } = speech;
        let mut session = Session::new(Service { app, framing, close_after: None });
        let (mut left, mut reply) = (request, Vec::new());
        loop {
            match session.step() {
                Step::Read(_) if left.is_empty() => return reply,
                Step::Read(space) => {
                    let n = space.len().min(left.len());
                    space[..n].copy_from_slice(&left[..n]);
                    left = &left[n..];
                    session.received(n);
                }
                Step::Write(bytes) => {
                    reply.extend_from_slice(bytes);
                    let n = bytes.len();
                    session.sent(n);
                }
                Step::Outside(_) => unreachable!("no request of these leads outside"),
                Step::Run(job) => {
                    let done = job.compute();
                    session.finished(&done);
                }
                Step::Close => return reply,
            }
        }
    }

    #[test]
    fn every_question_has_the_reply_that_the_protocol_gives() {
        for (_, app) in App::REQUEST_REPLY {
            for (_, framing) in Framing::ALL {
                let speech = Speech::for_app(app, framing);
                for question in [speech.question(0), speech.question(9), speech.long(500)] {
                    let reply = answer(speech, &question.request);
                    assert_eq!(reply, question.reply, "{}", show(&question.request));
                }
            }
            let speech = Speech::for_app(app, Framing::Line);
            assert_eq!(answer(speech, speech.half()), b"");
            for (request, begin) in speech.nonsense() {
                let reply = answer(speech, &[request, &b"\n"[..]].concat());
                assert!(reply.starts_with(begin.as_bytes()), "{}", show(&reply));
            }
        }
    }

    #[test]
    fn what_is_shown_is_short_and_printable() {
        assert_eq!(show(b"a\xff\n"), r#""a\xff\n""#);
        assert!(show(&[b'x'; 1000]).ends_with("... (1000 bytes)"));
    }
}
