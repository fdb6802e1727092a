use std::fs;

use super::*;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("forebay-www-assets-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("assets")).unwrap();
        Self(path)
    }

    fn with(self, files: &[(&str, &str)]) -> Self {
        let sums: BTreeMap<&str, String> =
            files.iter().map(|(name, text)| (*name, hex(&Sha256::digest(text.as_bytes())))).collect();
        files.iter().for_each(|(name, text)| fs::write(self.0.join(name), text).unwrap());
        fs::write(self.0.join(MANIFEST), serde_json::json!({"files": sums}).to_string()).unwrap();
        self
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn accept(encodings: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(encodings))])
}

fn header(response: &Response, name: warp::http::HeaderName) -> Option<&str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

#[test]
fn a_folder_as_built_is_served_in_the_encoding_the_browser_takes() {
    let files =
        [("index.html", "<p>"), ("assets/a-1.js", "js"), ("assets/a-1.js.br", "BR"), ("assets/a-1.js.gz", "GZ")];
    let folder = Folder::new("good").with(&files);
    let assets = Assets::load(&folder.0).unwrap();
    let encoding = |accepted| {
        let response = assets.hashed("a-1.js", &accept(accepted)).unwrap();
        header(&response, CONTENT_ENCODING).map(str::to_owned)
    };
    assert_eq!(encoding("gzip, deflate, br").as_deref(), Some("br"));
    assert_eq!(encoding("gzip;q=0.5, br;q=0").as_deref(), Some("gzip"));
    assert_eq!(encoding("identity"), None);
    let response = assets.hashed("a-1.js", &accept("br")).unwrap();
    assert_eq!(header(&response, CONTENT_TYPE), Some("text/javascript; charset=utf-8"));
    assert!(header(&response, CACHE_CONTROL).unwrap().contains("immutable"));
    let index = assets.index(&HeaderMap::new());
    assert_eq!(header(&index, CACHE_CONTROL), Some("no-cache"));
    let mut known = HeaderMap::new();
    known.insert(IF_NONE_MATCH, index.headers()[ETAG].clone());
    assert_eq!(assets.index(&known).status(), StatusCode::NOT_MODIFIED);
    assert!(assets.hashed("index.html", &HeaderMap::new()).is_none());
    assert!(assets.hashed("../index.html", &HeaderMap::new()).is_none());
}

#[test]
fn only_hashes_of_a_manifest_become_sources_of_script_and_style() {
    let (script, style) = (format!("sha256-{}=", "a".repeat(43)), format!("sha256-{}=", "/+".repeat(21) + "b"));
    let inline = Inline {
        scripts: vec!["'unsafe-inline'".into(), script.clone(), "sha256-' *; x".into(), "sha256-short=".into()],
        styles: vec![style.clone()],
    };
    assert_eq!(inline.own_code().0, format!("script-src 'self' '{script}'; style-src 'self' '{style}'; "));
    assert_eq!(Inline::default().own_code().0, "script-src 'self'; style-src 'self'; ");
}

#[test]
fn a_stale_or_damaged_folder_is_refused_in_one_sentence() {
    let refusal = |folder: &Folder| Assets::load(&folder.0).unwrap_err().to_string();
    let folder = Folder::new("empty");
    assert!(refusal(&folder).contains("holds no built page"));
    let folder = Folder::new("stale").with(&[("index.html", "<p>"), ("assets/a-1.js", "js")]);
    fs::write(folder.0.join("assets/a-1.js"), "other").unwrap();
    assert!(refusal(&folder).contains("a-1.js is not what the page's manifest says"));
    fs::remove_file(folder.0.join("assets/a-1.js")).unwrap();
    assert!(refusal(&folder).contains("a-1.js, which the page's manifest lists"));
    let folder = Folder::new("noindex").with(&[("assets/a-1.js", "js")]);
    assert!(refusal(&folder).contains("lists no index.html"));
    for (place, name) in ["../x", "/etc/hostname", "assets//a", ""].iter().enumerate() {
        let folder = Folder::new(&format!("outside{place}"));
        fs::write(folder.0.join(MANIFEST), serde_json::json!({"files": {*name: "00"}}).to_string()).unwrap();
        assert!(refusal(&folder).contains("not a file of its folder"));
    }
    let folder = Folder::new("rubbish");
    fs::write(folder.0.join(MANIFEST), "[]").unwrap();
    assert!(refusal(&folder).contains("is not a manifest"));
    let folder = Folder::new("large").with(&[("index.html", "<p>")]);
    fs::File::create(folder.0.join("index.html")).unwrap().set_len(BYTES_MAX + 1).unwrap();
    assert!(refusal(&folder).contains("more than"));
}
