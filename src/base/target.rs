//! Parses targets: addresses, URLs and Unix sockets.

use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use loadgen::{Address, Target};

/// The port of HTTP.
const HTTP_PORT: u16 = 80;

/// How long an address of a name may take to be connected to before the next one is tried.
const PATIENCE: Duration = Duration::from_millis(300);

/// A server that was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetArg {
    /// As it was typed.
    pub name: String,
    /// The addresses that this is.
    pub target: Target,
    /// The host and its port, as HTTP names it.
    pub host: String,
    /// Of a URL, what is asked for.
    pub path: Option<String>,
}

/// `HOST:PORT`, `http://HOST[:PORT]/PATH` or `unix:/PATH`.
///
/// # Errors
/// A sentence that says what to write instead.
pub(crate) fn target(text: &str) -> Result<TargetArg, String> {
    let arg = |target: Target, host: &str, path: Option<String>| TargetArg {
        name: text.into(),
        target,
        host: host.into(),
        path,
    };
    if let Some(path) = text.strip_prefix("unix:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() {
            return Err("a Unix socket needs a path, as in unix:/run/server.sock".into());
        }
        let address = Address::Unix(std::path::Path::new(path).into());
        return Ok(arg(address.into(), "localhost", None));
    }
    if let Some((scheme, rest)) = text.split_once("://") {
        if !scheme.eq_ignore_ascii_case("http") {
            return Err(format!("{scheme} is not supported, nor is TLS: write http://{rest}"));
        }
        let (authority, path) = url_parts(rest)?;
        let target = resolve(&with_port(authority)?)?;
        return Ok(arg(target, authority.trim_end_matches(':'), Some(path)));
    }
    if let Some(hint) = hint(text) {
        return Err(hint);
    }
    let place = text.strip_prefix(':').map(|port| format!("127.0.0.1:{port}"));
    let place = place.unwrap_or_else(|| text.into());
    Ok(arg(resolve(&place)?, &place, None))
}

/// The host with its port, and the path with its query.
fn url_parts(rest: &str) -> Result<(&str, String), String> {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if authority.contains('@') {
        return Err(
            "user name and password go into a header field: --header 'Authorization: Basic …'"
                .into(),
        );
    }
    // A fragment is the reader's own business, and is not sent.
    let path = path.split('#').next().unwrap_or_default();
    let path = if path.starts_with('/') { path.into() } else { format!("/{path}") };
    Ok((authority, path))
}

/// The host and port of a URL, in which the port may be left out.
fn with_port(authority: &str) -> Result<String, String> {
    let after_host = authority.rfind(']').map_or(authority, |end| &authority[end + 1..]);
    match after_host.split_once(':') {
        _ if authority.is_empty() => Err("a URL needs a host, as in http://localhost:8080/".into()),
        Some((_, "")) => Ok(format!("{authority}{HTTP_PORT}")),
        Some(_) => Ok(authority.into()),
        None => Ok(format!("{authority}:{HTTP_PORT}")),
    }
}

/// Common mistakes, with what to write instead.
fn hint(text: &str) -> Option<String> {
    if text.contains('/') {
        Some(format!("write http://{text} for a URL, or unix:{text} for a Unix socket"))
    } else if text.parse::<u16>().is_ok() {
        Some(format!(
            "write 127.0.0.1:{text} for a port of this machine, or --rate {text} for that many \
             requests a second"
        ))
    } else if text.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_ipv6()) {
        Some(format!("write [{text}]:9000, with the port behind the brackets"))
    } else {
        None
    }
}

fn resolve(place: &str) -> Result<Target, String> {
    let addresses = addresses(place)?;
    Target::new(addresses.into_iter().map(Address::Tcp).collect())
        .ok_or_else(|| format!("'{place}' cannot be resolved to an address"))
}

/// All addresses of a host and port, each once.
fn addresses(place: &str) -> Result<Vec<SocketAddr>, String> {
    let wrong = |error| format!("{error}: write an address and a port, as in 127.0.0.1:9000");
    let mut found: Vec<SocketAddr> = Vec::new();
    for address in place.to_socket_addrs().map_err(wrong)? {
        if !found.contains(&address) {
            found.push(address);
        }
    }
    Ok(found)
}

/// The first address of a host and port, to listen at.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    addresses(text)?.first().copied().ok_or_else(|| format!("'{text}' has no address"))
}

/// The first address of a host and port that accepts a connection; the first of all if none does,
/// or if there is only one.
pub(crate) fn listening(text: &str) -> Result<SocketAddr, String> {
    let all = addresses(text)?;
    let listens = |address: &&SocketAddr| TcpStream::connect_timeout(address, PATIENCE).is_ok();
    let found = if all.len() > 1 { all.iter().find(listens) } else { None };
    found.or(all.first()).copied().ok_or_else(|| format!("'{text}' has no address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> TargetArg {
        target(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn a_url_is_a_host_and_a_path() {
        for (url, address, host, path) in [
            ("http://127.0.0.1:8080/path?q=1", "127.0.0.1:8080", "127.0.0.1:8080", "/path?q=1"),
            ("http://127.0.0.1", "127.0.0.1:80", "127.0.0.1", "/"),
            ("http://127.0.0.1:/a", "127.0.0.1:80", "127.0.0.1", "/a"),
            ("http://127.0.0.1?q", "127.0.0.1:80", "127.0.0.1", "/?q"),
            ("HTTP://127.0.0.1:81/a#part", "127.0.0.1:81", "127.0.0.1:81", "/a"),
            ("http://[::1]:8080/", "[::1]:8080", "[::1]:8080", "/"),
            ("http://[::1]/x", "[::1]:80", "[::1]", "/x"),
        ] {
            let found = of(url);
            assert_eq!(found.target.to_string(), address, "{url}");
            assert_eq!((&*found.host, found.path.as_deref()), (host, Some(path)), "{url}");
            assert_eq!(found.name, url);
        }
    }

    #[test]
    fn a_name_keeps_itself_and_has_all_its_addresses() {
        let found = of("localhost:8080");
        assert_eq!(
            (&*found.name, &*found.host, found.path),
            ("localhost:8080", "localhost:8080", None)
        );
        let addresses = found.target.addresses();
        let local = |address: &Address| address.ip().is_some_and(|ip| ip.is_loopback());
        assert!(!addresses.is_empty() && addresses.iter().all(local), "{addresses:?}");
        assert_eq!(of("http://localhost:8080/").target, of("localhost:8080").target);
        assert_eq!(of(":9000").target.to_string(), "127.0.0.1:9000");
        assert_eq!(of("[::1]:9000").target.to_string(), "[::1]:9000");
    }

    #[test]
    fn a_socket_is_a_path() {
        for text in ["unix:/run/x.sock", "unix:///run/x.sock"] {
            assert_eq!(of(text).target.to_string(), "unix:/run/x.sock");
        }
        assert_eq!(of("unix:x.sock").host, "localhost");
    }

    #[test]
    fn what_is_no_target_says_what_to_write() {
        for (text, part) in [
            ("https://localhost/", "nor is TLS: write http://localhost/"),
            ("ftp://localhost/", "ftp is not supported"),
            ("http://", "a URL needs a host"),
            ("http://me:secret@localhost/", "--header 'Authorization"),
            ("localhost:8080/path", "write http://localhost:8080/path"),
            ("/run/x.sock", "unix:/run/x.sock"),
            ("9000", "write 127.0.0.1:9000"),
            ("::1", "write [::1]:9000"),
            ("localhost", "as in 127.0.0.1:9000"),
            ("localhost:http-alt-alt", "as in 127.0.0.1:9000"),
            ("unix:", "as in unix:/run/server.sock"),
            ("", "as in 127.0.0.1:9000"),
        ] {
            let error = target(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn of_several_addresses_the_one_that_listens_is_taken() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        // Wherever else this name leads, nothing listens there.
        let found = listening(&format!("localhost:{port}")).expect("an address");
        assert!(found.is_ipv4() && found.port() == port, "{found}");
        assert!(listening("localhost").is_err());
    }
}
