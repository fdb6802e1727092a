//! Under which names the page may be asked for, and who may ask in its name.
//!
//! Pure. A foreign page can make a browser send requests here; `Origin` tells. It can also give our address one of its
//! own names (DNS rebinding), and then `Origin` and `Host` agree; so the name must be one of ours.

use std::collections::HashSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use warp::http::HeaderMap;
use warp::http::header::{HOST, ORIGIN};

/// The names the page goes by.
#[derive(Debug)]
pub(crate) struct Names(HashSet<String>);

impl Names {
    /// `localhost`, this machine's name, alone and with `.local`, and those of the site. Addresses always do: nobody
    /// can make one of ours mean something else.
    pub(crate) fn new(machine: Option<&str>, site: &[String]) -> Self {
        let mut names: HashSet<String> = site.iter().map(|name| name.to_ascii_lowercase()).collect();
        names.insert("localhost".into());
        if let Some(machine) = machine.map(str::to_ascii_lowercase).filter(|name| !name.is_empty()) {
            let short = machine.split('.').next().unwrap_or(&machine).to_owned();
            names.extend([format!("{short}.local"), short, machine]);
        }
        Self(names)
    }

    /// The request's `Host` if it is one of ours and there is exactly one.
    pub(crate) fn host<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let mut all = headers.get_all(HOST).iter();
        let (host, None) = (all.next()?.to_str().ok()?, all.next()) else { return None };
        self.knows(host).then_some(host)
    }

    fn knows(&self, host: &str) -> bool {
        if let Some(rest) = host.strip_prefix('[') {
            let Some((address, port)) = rest.split_once(']') else { return false };
            return address.parse::<Ipv6Addr>().is_ok()
                && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port));
        }
        let (name, port) = host.split_once(':').unwrap_or((host, "0"));
        if !is_port(port) {
            return false;
        }
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        name.parse::<Ipv4Addr>().is_ok() || self.0.contains(&name)
    }
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|c| c.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

/// Did our own page send this? Browsers say `Origin` with every WebSocket and every POST. The scheme isn't compared: a
/// proxy in front of us may speak TLS.
pub(crate) fn is_same(headers: &HeaderMap, host: &str) -> bool {
    let mut all = headers.get_all(ORIGIN).iter();
    let (Some(origin), None) = (all.next(), all.next()) else { return false };
    let Ok(origin) = origin.to_str() else { return false };
    let Some(origin) = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")) else { return false };
    origin.eq_ignore_ascii_case(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ours_or_turned_away() {
        let names = Names::new(Some("Gate-7.plant.lan"), &["scada.example".to_owned()]);
        let ours = [
            "127.0.0.1",
            "192.0.2.1:8324",
            "[::1]:8324",
            "[fe80::1]",
            "localhost:8324",
            "LOCALHOST",
            "gate-7",
            "gate-7.local:80",
            "gate-7.plant.lan.",
            "scada.example",
        ];
        let foreign = [
            "",
            ":80",
            "evil.example",
            "evil.example:8324",
            "192.0.2.1.evil.example",
            "127.0.0.1:x",
            "[::1",
            "[::1]x",
            "[evil]",
            "localhost:80:80",
            "localhost:99999",
            "local",
            "1.2.3",
            "gate-7.local.evil.example",
        ];
        assert_eq!(ours.map(|host| names.knows(host)), [true; 10]);
        assert_eq!(foreign.map(|host| names.knows(host)), [false; 14]);
    }

    #[test]
    fn only_our_own_page_speaks_in_our_name() {
        let same = |origins: &[&str]| {
            let mut headers = HeaderMap::new();
            for origin in origins {
                headers.append(ORIGIN, origin.parse().unwrap());
            }
            is_same(&headers, "192.0.2.1:8324")
        };
        assert!(same(&["http://192.0.2.1:8324"]) && same(&["https://192.0.2.1:8324"]));
        let foreign =
            ["null", "http://192.0.2.1", "http://192.0.2.1:83240", "http://evil.example", "192.0.2.1:8324", ""];
        assert_eq!(foreign.map(|origin| same(&[origin])), [false; 6]);
        assert!(!same(&[]), "whoever doesn't say is not our page");
        assert!(!same(&["http://192.0.2.1:8324", "http://evil.example"]));
    }
}
