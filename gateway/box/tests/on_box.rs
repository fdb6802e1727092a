//! A box from outside: its site comes, has a mistake, is mended; the page says so to whoever types the code.

#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::time::Duration;

use shell::{Clock, SystemClock};

const SOON: Duration = Duration::from_secs(20);
const TAGS: &str = "level:\n  desc: Level\n  type: float\n";
const WWW: &str = "ip: 127.0.0.1\nport: 0\npages:\n- name: One\n  items:\n  - {type: value, tagname: level}\n";
const PAGE: &str = "<title>the page</title>";

struct Site {
    root: tempfile::TempDir,
}

impl Site {
    fn new() -> Self {
        let site = Self { root: tempfile::tempdir().unwrap() };
        for folder in ["card/site", "data", "run", "state", "web/assets"] {
            fs::create_dir_all(site.at(folder)).unwrap();
        }
        fs::write(site.at("web/index.html"), PAGE).unwrap();
        let sum = "52316f3b4e259ee184f1045d3cc855b6cc4ec878d65fb12d64fcb8c3b96a22d3";
        let manifest = format!(r#"{{"version":1,"files":{{"index.html":{{"sha256":"{sum}"}}}}}}"#);
        fs::write(site.at("web/manifest.json"), manifest).unwrap();
        site
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn bring(&self, tags: &str) {
        fs::write(self.at("card/site/tags.yaml"), tags).unwrap();
        fs::write(self.at("card/site/wwwserver.yaml"), WWW).unwrap();
    }

    fn forebay(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_forebay"));
        command.current_dir(self.root.path());
        command
    }

    fn take(&self) -> Output {
        let folders = ["take-site", "--from", "card/site", "--to", "data/site", "--findings", "run/findings.json"];
        self.forebay().args(folders).output().unwrap()
    }

    /// The web server as its unit starts it, and its address.
    fn serve(&self) -> (Served, String) {
        let _ = fs::remove_file(self.at("run/www.addr"));
        let child = self
            .forebay()
            .args(["wwwserver", "--config", "data/site/wwwserver.yaml", "--tags", "data/site/tags.yaml"])
            .args(["--findings", "run/findings.json", "--claim-file", "claim-code", "--without-site", "127.0.0.1:0"])
            .args(["--runtime", "run", "--state", "state", "--web", "web"])
            .spawn()
            .unwrap();
        let mut served = Served(child);
        let address = wait_for("the page's open door", || {
            assert!(served.0.try_wait().unwrap().is_none(), "the web server ended");
            let text = fs::read_to_string(self.at("run/www.addr")).ok()?;
            let address = text.trim().strip_prefix("http://")?.to_owned();
            // The address is told before anybody is let in.
            TcpStream::connect(&address).ok()?;
            Some(address)
        });
        (served, address)
    }
}

struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = SystemClock.mono() + SOON;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(SystemClock.mono() < deadline, "not within {SOON:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn ask(address: &str, method: &str, path: &str, headers: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    let kind = "Content-Type: application/x-www-form-urlencoded\r\nAccept: text/html\r\nConnection: close\r\n";
    let same = format!("Host: {address}\r\nOrigin: http://{address}\r\nContent-Length: {}\r\n", body.len());
    write!(stream, "{method} {path} HTTP/1.1\r\n{same}{kind}{headers}\r\n{body}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Types the code and says what the page would be told of the findings.
fn findings(address: &str, code: &str) -> String {
    let locked = ask(address, "GET", "/", "", "");
    assert!(locked.starts_with("HTTP/1.1 401") && locked.contains("action=\"/claim\""), "{locked}");
    let claimed = ask(address, "POST", "/claim", "", &format!("code={code}"));
    assert!(claimed.starts_with("HTTP/1.1 303"), "{claimed}");
    let cookie = claimed.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    let cookie = format!("Cookie: {}\r\n", cookie.split(';').next().unwrap());
    assert!(ask(address, "GET", "/", &cookie, "").ends_with(PAGE));
    let status = ask(address, "GET", "/api/status", &cookie, "");
    let json = &status[status.find('{').unwrap()..];
    json.split("\"findings\":").nth(1).unwrap().split([',', '}']).next().unwrap().to_owned()
}

fn is_there(path: &Path) -> bool {
    path.try_exists().unwrap()
}

#[test]
fn a_box_serves_a_page_whatever_its_site_is_like() {
    let site = Site::new();
    let made =
        site.forebay().args(["claim-code", "--make", "claim-code", "--unless", "state/claimed"]).output().unwrap();
    let code = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    assert!(made.status.success() && code.len() == 9, "{code}");

    // The first site has a mistake: nothing is there to run, and the page says why.
    site.bring("level:\n  type: flaot\n");
    let taken = site.take();
    assert_eq!(taken.status.code(), Some(4), "{taken:?}");
    assert!(String::from_utf8_lossy(&taken.stderr).contains("tags.yaml:2:"), "{taken:?}");
    assert!(!is_there(&site.at("data/site")));
    let (served, address) = site.serve();
    assert!(findings(&address, &code).parse::<u32>().unwrap() >= 1);
    drop(served);
    let shown = site.forebay().args(["claim-code", "claim-code", "--unless", "state/claimed"]).output().unwrap();
    assert!(shown.status.success() && shown.stdout.is_empty(), "once claimed it isn't shown: {shown:?}");

    // Mended: taken, no findings.
    site.bring(TAGS);
    assert_eq!(site.take().status.code(), Some(0));
    assert!(!is_there(&site.at("run/findings.json")));
    let (served, address) = site.serve();
    assert_eq!(findings(&address, &code.to_lowercase().replace('-', "+")), "0");
    drop(served);

    // A mistake again: the last good one stays, and the page says what is wrong with the new one.
    site.bring("level:\n  type: flaot\n");
    assert_eq!(site.take().status.code(), Some(3));
    assert_eq!(fs::read_to_string(site.at("data/site/tags.yaml")).unwrap(), TAGS);
    let (served, address) = site.serve();
    assert!(findings(&address, &code).parse::<u32>().unwrap() >= 1);
    drop(served);
}

#[test]
fn on_a_command_line_a_bad_site_still_ends_with_78() {
    let site = Site::new();
    let alone = site.forebay().args(["wwwserver", "--config", "no.yaml", "--claim-file", "code"]).output().unwrap();
    assert_eq!(alone.status.code(), Some(78), "{alone:?}");
    let same = site.forebay().args(["take-site", "--from", "card", "--to", "card/site"]).output().unwrap();
    assert_eq!(same.status.code(), Some(78), "{same:?}");
}
