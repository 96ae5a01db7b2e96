//! Who may ask: against pages of others that let a browser ask in their place, and against guessing.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, Uri, header};
use lamplighter_config::Secret;
use sha2::{Digest, Sha256};

/// A page of somebody else could have its own name resolve to 127.0.0.1, and then read what is here as its own (DNS
/// rebinding). The browser still sends that name as `Host`. So on an address of this machine only names of this machine
/// are answered; a tunnel or a proxy may use another port. Where the page was put on the network on purpose, its names
/// are not known here.
pub(super) fn is_host_allowed(address: SocketAddr, uri: &Uri, headers: &HeaderMap) -> bool {
    if !address.ip().is_loopback() {
        return true;
    }
    // Several hosts are an attack or a mistake.
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().ok(),
        _ => None,
    };
    host.is_some_and(|host| is_of_this_machine(name(host)))
        && uri
            .authority()
            .is_none_or(|authority| is_of_this_machine(name(authority.as_str())))
}

/// The name in `name:port` or `[::1]:port`.
fn name(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(v6) => v6.split_once(']').map_or(v6, |(address, _)| address),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    }
}

fn is_of_this_machine(name: &str) -> bool {
    name.eq_ignore_ascii_case("localhost")
        || name
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Whether a request that changes something comes from a page of this server, or from no page at all. A browser names
/// the page's origin with every POST, and `Sec-Fetch-Site` too.
/// <https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Origin>
pub(super) fn is_origin_allowed(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or(""));
    let is_same = match (text("origin"), text("host")) {
        (None, _) => true,
        (Some(origin), Some(host)) => {
            let origin = origin.split_once("://").map(|(_, authority)| authority);
            origin.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
        }
        (Some(_), None) => false,
    };
    is_same && text("sec-fetch-site").is_none_or(|site| matches!(site, "same-origin" | "none"))
}

/// Whether this is the token. Digests are compared, so that how long it takes says nothing about the token.
pub(super) fn is_token(token: &Secret, given: &str) -> bool {
    Sha256::digest(token.expose()) == Sha256::digest(given)
}

/// How many attempts are left: it fills up slowly.
#[derive(Debug)]
pub(super) struct Attempts {
    left: Mutex<(u32, Instant)>,
}

impl Attempts {
    /// The most in a row.
    const MOST: u32 = 5;
    /// The time until there is another one.
    const EVERY: Duration = Duration::from_secs(12);

    pub(super) fn new() -> Self {
        Self {
            left: Mutex::new((Self::MOST, Instant::now())),
        }
    }

    /// Takes one, if there is one at this time.
    pub(super) fn take(&self, now: Instant) -> bool {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, since) = &mut *left;
        while *count < Self::MOST && now.saturating_duration_since(*since) >= Self::EVERY {
            *count += 1;
            *since += Self::EVERY;
        }
        if *count == Self::MOST {
            *since = now;
        }
        let is_left = *count > 0;
        *count = count.saturating_sub(1);
        is_left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(rows: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in rows {
            headers.append(*name, value.parse().expect("a value"));
        }
        headers
    }

    #[test]
    fn on_this_machine_only_its_own_names_are_hosts() {
        let address: SocketAddr = "127.0.0.1:9464".parse().expect("an address");
        let is_allowed = |uri: &str, rows: &[(&'static str, &str)]| {
            is_host_allowed(address, &uri.parse().expect("a URI"), &headers(rows))
        };
        for host in [
            "127.0.0.1:9464",
            "localhost:9464",
            "LocalHost",
            "[::1]:9464",
            "127.0.0.1",
            "localhost:8080",
        ] {
            assert!(is_allowed("/", &[("host", host)]), "{host}");
        }
        for host in [
            "evil.example:9464",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "10.0.0.1:9464",
            "",
            "127.0.0.1@evil.example",
        ] {
            assert!(!is_allowed("/", &[("host", host)]), "{host}");
        }
        assert!(!is_allowed("/", &[]));
        assert!(!is_allowed(
            "/",
            &[("host", "localhost"), ("host", "localhost")]
        ));
        assert!(!is_allowed(
            "http://evil.example/",
            &[("host", "localhost")]
        ));
        let public: SocketAddr = "10.0.0.1:9464".parse().expect("an address");
        let uri = Uri::from_static("/");
        let named = headers(&[("host", "ops.example.com")]);
        assert!(is_host_allowed(public, &uri, &named));
    }

    #[test]
    fn a_change_comes_from_a_page_of_this_server_or_from_no_page() {
        let is_allowed = |rows: &[(&'static str, &str)]| is_origin_allowed(&headers(rows));
        let host = ("host", "localhost:9464");
        assert!(is_allowed(&[host]));
        assert!(is_allowed(&[host, ("origin", "http://localhost:9464")]));
        assert!(!is_allowed(&[host, ("origin", "http://evil.example")]));
        assert!(!is_allowed(&[host, ("origin", "null")]));
        assert!(!is_allowed(&[("origin", "http://localhost:9464")]));
        assert!(!is_allowed(&[host, ("sec-fetch-site", "cross-site")]));
        assert!(is_allowed(&[host, ("sec-fetch-site", "same-origin")]));
    }

    #[test]
    fn attempts_run_out_and_come_back() {
        let attempts = Attempts::new();
        let now = Instant::now();
        assert!((0..5).all(|_| attempts.take(now)));
        assert!(!attempts.take(now));
        assert!(!attempts.take(now + Duration::from_secs(11)));
        assert!(attempts.take(now + Duration::from_secs(13)));
        assert!(!attempts.take(now + Duration::from_secs(14)));
    }
}
