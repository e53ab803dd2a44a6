//! The little that a calibration server understands: `ECHO` in lines, and the head of a `GET`.

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

/// Cuts the first request off, if it is complete, and says what the reply is.
pub(super) fn cut(arrived: &mut Vec<u8>) -> Option<Request> {
    let http = arrived.starts_with(b"GET ");
    let end = if http { find(arrived, b"\r\n\r\n")? + 4 } else { find(arrived, b"\n")? + 1 };
    let request: Vec<u8> = arrived.drain(..end).collect();
    Some(if http { page(&request) } else { line(&request) })
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

fn line(request: &[u8]) -> Request {
    let text = request.trim_ascii_end();
    let reply = match text.strip_prefix(b"ECHO ") {
        Some(text) => [b"OK ", text, b"\n"].concat(),
        None => b"ERR unknown-verb this server calibrates: it knows ECHO and GET\n".to_vec(),
    };
    Request { reply, last: false }
}

fn page(head: &[u8]) -> Request {
    let head = head.to_ascii_lowercase();
    let first_line = head.split(|b| *b == b'\r').next().unwrap_or_default();
    let old = first_line.ends_with(b"http/1.0");
    let keep = find(&head, b"connection: keep-alive").is_some();
    let close = find(&head, b"connection: close").is_some();
    let last = if old { !keep } else { close };
    let connection = match (old, last) {
        (_, true) => "Connection: close\r\n",
        (true, false) => "Connection: keep-alive\r\n",
        (false, false) => "",
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nContent-Type: text/plain\r\n{connection}\r\n",
        BODY.len()
    );
    Request { reply: [head.as_bytes(), BODY].concat(), last }
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
        assert!(!kept.last && find(&kept.reply, b"keep-alive").is_some());
        assert!(of("GET / HTTP/1.1\r\nConnection: close\r\n\r\n").expect("complete").last);
    }
}
