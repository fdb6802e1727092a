//! The page's files: checked against their manifest at the start, served from memory ever after.
//!
//! The build leaves a `manifest.json` that says the SHA-256 of every file. A folder that differs from it is refused as a
//! whole: half an update would be a page that breaks in somebody's hand.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use warp::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH, VARY,
};
use warp::http::{HeaderMap, StatusCode};
use warp::reply::{Reply, Response};

use crate::auth::hex;

const MANIFEST: &str = "manifest.json";
const INDEX: &str = "index.html";
/// Only what lies here is served by name; the build puts a hash of the content into each name.
const HASHED: &str = "assets/";

/// The whole page in memory: fifty times what ours needs, little enough for the smallest box.
const BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Why a folder can't be served.
#[derive(Debug, thiserror::Error)]
pub enum AssetsError {
    /// Nothing was built there.
    #[error("{0} holds no built page (no {MANIFEST}): build the page, or name the folder it was built to")]
    NotBuilt(PathBuf),
    /// A file is listed and can't be read.
    #[error("reading {path}, which the page's manifest lists: build the page again")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The manifest can't be understood.
    #[error("{path} is not a manifest of a built page: build the page again")]
    Manifest {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// A file is not what was built.
    #[error("{0} is not what the page's manifest says: the folder is stale or damaged, build the page again")]
    Differs(PathBuf),
    /// The manifest lists a path outside the folder.
    #[error("the page's manifest lists {0:?}, which is not a file of its folder")]
    Outside(String),
    /// No `index.html`.
    #[error("the page's manifest in {0} lists no {INDEX}")]
    NoIndex(PathBuf),
    /// It would not fit.
    #[error("the page in {0} has more than {BYTES_MAX} bytes")]
    TooLarge(PathBuf),
}

/// Either `{"files": {"index.html": "<sha256>", …}}` or just the inner mapping.
#[derive(Deserialize)]
#[serde(untagged)]
enum Manifest {
    Named {
        files: BTreeMap<String, Sum>,
        #[serde(default)]
        inline: Inline,
    },
    Bare(BTreeMap<String, Sum>),
}

/// What stands inside `index.html` instead of in a file: `sha256-` and the hash in base64, each.
#[derive(Default, Deserialize)]
struct Inline {
    scripts: Vec<String>,
    styles: Vec<String>,
}

impl Inline {
    /// The gateway itself, and exactly these blocks; nothing else a manifest might say gets into a header.
    fn own_code(&self) -> OwnCode {
        let is_hash = |text: &&String| {
            let of_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
            text.strip_prefix("sha256-").is_some_and(|hash| hash.len() == 44 && hash.bytes().all(of_base64))
        };
        let sources = |all: &[String]| all.iter().filter(is_hash).map(|hash| format!(" '{hash}'")).collect::<String>();
        let (scripts, styles) = (sources(&self.scripts), sources(&self.styles));
        OwnCode(format!("script-src 'self'{scripts}; style-src 'self'{styles}; "))
    }
}

/// The hexadecimal SHA-256, alone or with other particulars of the file.
#[derive(Deserialize)]
#[serde(untagged)]
enum Sum {
    Alone(String),
    Among { sha256: String },
}

#[derive(Debug)]
struct File {
    kind: &'static str,
    etag: String,
    plain: Bytes,
    brotli: Option<Bytes>,
    gzip: Option<Bytes>,
}

/// The sources of script and style that the page may have, as its content security policy says them.
#[derive(Debug, Clone)]
pub(crate) struct OwnCode(pub(crate) String);

/// The page's files in memory.
#[derive(Debug)]
pub(crate) struct Assets {
    index: File,
    own_code: OwnCode,
    hashed: HashMap<String, File>,
    /// Changes when any file does.
    pub(crate) build: String,
}

/// Is this folder as it was built? For `forebay check` and the start.
pub fn check_assets(folder: &Path) -> Result<(), AssetsError> {
    Assets::load(folder).map(drop)
}

impl Assets {
    /// Reads the folder, or says in one sentence why it can't be served.
    pub(crate) fn load(folder: &Path) -> Result<Self, AssetsError> {
        let path = folder.join(MANIFEST);
        let manifest = fs::read(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => AssetsError::NotBuilt(folder.to_path_buf()),
            _ => AssetsError::Read { path: path.clone(), source },
        })?;
        let found = serde_json::from_slice(&manifest).map_err(|source| AssetsError::Manifest { path, source })?;
        let (sums, inline) = match found {
            Manifest::Named { files, inline } => (files, inline),
            Manifest::Bare(files) => (files, Inline::default()),
        };
        let mut contents = HashMap::new();
        let mut left = BYTES_MAX;
        for (name, Sum::Alone(sum) | Sum::Among { sha256: sum }) in sums {
            let bytes = read(folder, &name, &sum, &mut left)?;
            contents.insert(name, Bytes::from(bytes));
        }
        let file = |name: &str| {
            let plain = contents.get(name)?.clone();
            let variant = |ending: &str| contents.get(&format!("{name}.{ending}")).cloned();
            let etag = hex(&Sha256::digest(&plain)[..12]);
            Some(File { kind: kind(name), etag, plain, brotli: variant("br"), gzip: variant("gz") })
        };
        let index = file(INDEX).ok_or_else(|| AssetsError::NoIndex(folder.to_path_buf()))?;
        let own_code = inline.own_code();
        let hashed = contents.keys().filter_map(|name| Some((name.strip_prefix(HASHED)?.to_owned(), file(name)?)));
        Ok(Self { index, own_code, hashed: hashed.collect(), build: hex(&Sha256::digest(&manifest)[..12]) })
    }

    /// The page. What every answer carries is put together with its [`OwnCode`].
    pub(crate) fn index(&self, headers: &HeaderMap) -> Response {
        let mut response = self.index.answer(headers, "no-cache");
        response.extensions_mut().insert(self.own_code.clone());
        response
    }

    /// A file by its name below `/assets/`.
    pub(crate) fn hashed(&self, name: &str, headers: &HeaderMap) -> Option<Response> {
        Some(self.hashed.get(name)?.answer(headers, "public, max-age=31536000, immutable"))
    }
}

fn read(folder: &Path, name: &str, sum: &str, left: &mut u64) -> Result<Vec<u8>, AssetsError> {
    let inside = !name.is_empty() && name.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if !inside {
        return Err(AssetsError::Outside(name.to_owned()));
    }
    let path = folder.join(name);
    let failed = |source| AssetsError::Read { path: path.clone(), source };
    let bytes_len = fs::metadata(&path).map_err(failed)?.len();
    *left = left.checked_sub(bytes_len).ok_or_else(|| AssetsError::TooLarge(folder.to_path_buf()))?;
    let bytes = fs::read(&path).map_err(failed)?;
    if !hex(&Sha256::digest(&bytes)).eq_ignore_ascii_case(sum) {
        return Err(AssetsError::Differs(path));
    }
    Ok(bytes)
}

fn kind(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

impl File {
    fn answer(&self, headers: &HeaderMap, cache: &'static str) -> Response {
        let (bytes, encoding) = match (&self.brotli, &self.gzip) {
            (Some(bytes), _) if takes(headers, "br") => (bytes, Some("br")),
            (_, Some(bytes)) if takes(headers, "gzip") => (bytes, Some("gzip")),
            _ => (&self.plain, None),
        };
        let etag = format!("\"{}-{}\"", self.etag, encoding.unwrap_or("plain"));
        let known = headers.get(IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
        let unchanged = known.is_some_and(|tags| {
            tags.split(',').any(|tag| tag.trim() == "*" || tag.trim().trim_start_matches("W/") == etag)
        });
        let mut response = if unchanged {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            warp::http::Response::new(bytes.clone()).into_response()
        };
        let said = response.headers_mut();
        said.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
        said.insert(VARY, HeaderValue::from_static("accept-encoding"));
        said.insert(ETAG, HeaderValue::from_str(&etag).expect("hexadecimal and words"));
        if !unchanged {
            said.insert(CONTENT_TYPE, HeaderValue::from_static(self.kind));
            if let Some(encoding) = encoding {
                said.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
            }
        }
        response
    }
}

/// Does the browser take this encoding? `q=0` says no; which of several it likes best doesn't matter to us.
fn takes(headers: &HeaderMap, encoding: &str) -> bool {
    let all = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|header| header.to_str().ok());
    all.flat_map(|header| header.split(',')).any(|item| {
        let (name, weight) = item.split_once(';').unwrap_or((item, "q=1"));
        let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok());
        name.trim().eq_ignore_ascii_case(encoding) && weight.is_some_and(|weight| weight > 0.0)
    })
}

#[cfg(test)]
#[path = "assets_tests.rs"]
mod tests;
