//! The requests that a calibration server understands: `ECHO` lines, and the head of a `GET`.

use protocol::http::{Manner, end_of_head};

/// A longer request, or head, ends its connection.
pub(super) const REQUEST_BYTES_MAX: usize = 64 * 1024;

/// A request that was cut off the front of what has arrived.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) reply: Vec<u8>,
    /// The connection ends with this reply.
    pub(super) last: bool,
}

const BODY: &[u8] = b"OK\n";
const CLOSE: &str = "Connection: close\r\n";
const KEEP: &str = "Connection: keep-alive\r\n";

/// Cuts the first request off, if it is complete, and says what the reply is.
pub(super) fn cut(arrived: &mut Vec<u8>) -> Option<Request> {
    let http = arrived.starts_with(b"GET ");
    let end = if http {
        end_of_head(arrived, 0).ok()?
    } else {
        arrived.iter().position(|byte| *byte == b'\n')? + 1
    };
    let request: Vec<u8> = arrived.drain(..end).collect();
    Some(if http { page(&request) } else { line(&request) })
}

fn line(request: &[u8]) -> Request {
    let text = request.trim_ascii_end();
    let reply = match text.strip_prefix(b"ECHO ") {
        Some(text) => [b"OK ", text, b"\n"].concat(),
        None => b"ERR unknown-verb the calibration server knows only ECHO and GET\n".to_vec(),
    };
    Request { reply, last: false }
}

fn page(head: &[u8]) -> Request {
    let (status, body, last, connection) = match Manner::from_head(head) {
        None => ("400 Bad Request", &b"this is not an HTTP/1.1 request\n"[..], true, CLOSE),
        Some(Manner { close: true, .. }) => ("200 OK", BODY, true, CLOSE),
        Some(Manner { says_keep: true, .. }) => ("200 OK", BODY, false, KEEP),
        Some(_) => ("200 OK", BODY, false, ""),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nContent-Type: text/plain\r\n{connection}\r\n",
        body.len()
    );
    Request { reply: [head.as_bytes(), body].concat(), last }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replies(arrived: &str) -> Vec<String> {
        let mut arrived = arrived.as_bytes().to_vec();
        let all = std::iter::from_fn(|| cut(&mut arrived));
        all.map(|request| String::from_utf8(request.reply).expect("text")).collect()
    }

    #[test]
    fn lines_are_echoed_in_order_and_halves_are_kept() {
        assert_eq!(replies("ECHO a b\nECHO c\r\nECHO d"), ["OK a b\n", "OK c\n"]);
        assert!(replies("MUL 2 3\n")[0].starts_with("ERR unknown-verb"));
    }

    #[test]
    fn a_get_has_a_page_and_an_old_client_its_close() {
        let of = |head: &str| cut(&mut head.as_bytes().to_vec());
        let page = of("GET / HTTP/1.1\r\nHost: x\r\n\r\n").expect("complete");
        assert!(!page.last && page.reply.ends_with(b"\r\n\r\nOK\n"));
        assert_eq!(of("GET / HTTP/1.1\r\nHost: x\r\n"), None);
        assert!(of("GET / HTTP/1.0\r\n\r\n").expect("complete").last);
        let kept = of("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").expect("complete");
        let text = String::from_utf8(kept.reply).expect("text");
        assert!(!kept.last && text.contains("\r\nConnection: keep-alive\r\n"), "{text}");
        let close = of("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        assert!(close.expect("complete").last);
        let refused = of("GET / HTTP/1.1\r\nno field\r\n\r\n").expect("complete");
        assert!(refused.last && refused.reply.starts_with(b"HTTP/1.1 400 "));
    }
}
