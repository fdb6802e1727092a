//! The bytes of the whole page with its trend, as they go over the wire.

use crate::Bench;
use crate::fail::{Doing, Fail};
use crate::forebay::Forebay;
use crate::measure::window::wait_for_link;
use crate::pymscada::Pymscada;
use crate::report::{Aim, Row, Unit};
use crate::web::{log_in, request};

pub(crate) fn run(bench: &Bench) -> Result<Vec<Row>, Fail> {
    let forebay = Forebay::new(bench, 10, None)?;
    let (_bus, _www) = (forebay.daemon("bus")?, forebay.daemon("wwwserver")?);
    let cookie = format!("Cookie: {}", log_in(forebay.www_port, &wait_for_link(&forebay)?)?);
    let files = ours(bench)?;
    // Browsers take brotli only over TLS (and from this machine itself); plain HTTP on a site's Wi-Fi gets gzip.
    let mut gzip = Row::new("the whole page as sent over plain HTTP (gzip)", Unit::Kilobytes, Aim::Below(60.0));
    let mut brotli = Row::new("the whole page as sent over TLS (brotli)", Unit::Kilobytes, Aim::Below(60.0));
    gzip.ours.push(weigh(forebay.www_port, &files, &[cookie.clone(), "Accept-Encoding: gzip".into()])?);
    brotli.ours.push(weigh(forebay.www_port, &files, &[cookie, "Accept-Encoding: gzip, br".into()])?);
    if let Some(peer) = Pymscada::start(bench, "bus,wwwserver", 10, None, None)? {
        let port = peer.www_port()?;
        let index = request(port, "GET", "/", &[])?;
        let mut files = vec!["/".to_owned()];
        files.extend(linked(&String::from_utf8_lossy(&index.body)));
        let bytes = weigh(port, &files, &["Accept-Encoding: gzip, br".into()])?;
        gzip.peer.push(bytes);
        brotli.peer.push(bytes);
    }
    Ok(vec![gzip, brotli])
}

/// Every file of our page, also those that are fetched only when a trend is drawn.
fn ours(bench: &Bench) -> Result<Vec<String>, Fail> {
    let doing = "reading the page's manifest";
    let text = std::fs::read_to_string(bench.root.join("web/dist/manifest.json")).doing(doing)?;
    let manifest: serde_json::Value = serde_json::from_str(&text).doing(doing)?;
    let all = manifest["files"].as_object().doing(doing)?.keys();
    let whole = all.filter(|name| !name.ends_with(".br") && !name.ends_with(".gz"));
    Ok(whole.map(|name| if name == "index.html" { "/".to_owned() } else { format!("/{name}") }).collect())
}

/// What an HTML page refers to on its own server.
fn linked(html: &str) -> Vec<String> {
    let parts = ["src=\"", "href=\""].into_iter().flat_map(|key| html.split(key).skip(1));
    let mut all: Vec<String> = parts
        .filter_map(|rest| rest.split('"').next())
        .filter(|path| !path.is_empty() && !path.contains("//") && !path.starts_with(['#', 'd']))
        .map(|path| format!("/{}", path.trim_start_matches("./").trim_start_matches('/')))
        .collect();
    all.sort();
    all.dedup();
    all
}

/// Bodies in kB, without headers.
fn weigh(port: u16, files: &[String], headers: &[String]) -> Result<f64, Fail> {
    let mut bytes = 0;
    for file in files {
        let answer = request(port, "GET", file, headers)?;
        if answer.status != 200 {
            return Err(Fail(format!("{file} was answered with {}", answer.status)));
        }
        bytes += answer.body.len();
    }
    Ok(bytes as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_links_its_own_files_once() {
        let html = r#"<link href="./a.css"><script src="/b.js"></script><a href="https://x.example/">x</a><script src="b.js">"#;
        assert_eq!(linked(html), ["/a.css", "/b.js"]);
    }
}
