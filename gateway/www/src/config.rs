//! What the site says of the window, checked and gathered.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value as Json, json};
use site::{Item, Page, Site};
use tag::{TagDef, TagName};

use crate::watch::TagNumber;
use crate::{Connection, Mistakes, Source};

/// The tag whose owner answers trends when the site has no `history.yaml` of its own beside the pages.
const HISTORY_TAG: &str = "__history__";

/// Everything [`crate::run`] needs to know.
#[derive(Debug, Clone)]
pub struct Config {
    /// The site's name in the page's top bar: `title:`, else the name of its folder.
    pub title: String,
    /// `wwwserver.yaml`'s `config` mapping, sent to browsers as it is.
    pub client: Json,
    /// The pages, in the file's order.
    pub pages: Vec<Page>,
    /// Every tag a page mentions, in order of first mention: a tag's place is its number on the WebSocket.
    pub tags: Vec<PageTag>,
    /// The tag whose owner answers trends.
    pub history: TagName,
    /// The connections to Modbus devices, whose state the page shows, in the order that addresses count them.
    pub devices: Vec<Connection>,
    /// Host names browsers may use besides addresses, `localhost` and this machine's name (`hosts:`).
    pub hosts: Vec<String>,
    /// The folder of the built page.
    pub assets: PathBuf,
    /// What is wrong with the site of this box.
    pub mistakes: Option<Mistakes>,
    /// The box's claim code: while this file exists, typing it at the page admits a browser.
    pub claim_file: Option<PathBuf>,
    /// Called once with a fresh one-time link when the page can be opened.
    pub announce: Option<fn(&str)>,
}

/// A tag some page mentions.
#[derive(Debug, Clone, PartialEq)]
pub struct PageTag {
    /// What the site says of it.
    pub def: TagDef,
    /// A page offers it as a set-point or selectdict: it may be written from a page.
    pub set: bool,
    /// Where a device keeps it; `None`: no device does.
    pub source: Option<Source>,
}

/// Why there can be no window.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The site's folder has no pages.
    #[error("{0} has no wwwserver.yaml, so there is no page to serve")]
    NoPages(PathBuf),
}

impl Config {
    /// The tags of a page's own rows, by number: what a browser that opens this page watches first. An unknown page is
    /// the first one, as it is in the browser.
    pub(crate) fn rows(&self, page: &str) -> Vec<TagNumber> {
        let page = self.pages.iter().find(|one| one.id == page).or(self.pages.first());
        let shown = page.into_iter().flat_map(|page| &page.items).filter_map(|item| match item {
            Item::Value { tagname } | Item::Setpoint { tagname } | Item::Selectdict { tagname, .. } => Some(&tagname.0),
            _ => None,
        });
        let shown: HashSet<&TagName> = shown.collect();
        self.tags.iter().zip(0..).filter(|(tag, _)| shown.contains(&tag.def.name)).map(|(_, number)| number).collect()
    }

    /// A window without a site: it shows what is wrong and nothing else.
    pub fn without_site(assets: PathBuf, mistakes: Mistakes) -> Self {
        Self {
            title: "Forebay".into(),
            client: json!({}),
            pages: Vec::new(),
            tags: Vec::new(),
            history: TagName::parse(HISTORY_TAG).expect("a constant that is a name"),
            devices: Vec::new(),
            hosts: Vec::new(),
            assets,
            mistakes: Some(mistakes),
            claim_file: None,
            announce: None,
        }
    }

    /// Gathers the window's part of a site. `assets` is the folder the page's build made.
    pub fn from_site(site: &Site, assets: PathBuf) -> Result<Self, ConfigError> {
        let www = site.www.as_ref().ok_or_else(|| ConfigError::NoPages(site.dir.clone()))?;
        let folder = site.dir.file_name().map(|name| name.to_string_lossy().into_owned());
        let title = www.title.clone().or(folder);
        let defs: HashMap<&TagName, &TagDef> = site.tags.iter().map(|def| (&def.name, def)).collect();
        let history = site.history.as_ref().map(|history| history.rta_tag.clone());
        let devices = site.modbus_client.iter().flat_map(|modbus| &modbus.rtus).map(Connection::of);
        Ok(Self {
            title: title.unwrap_or_else(|| "Forebay".into()),
            client: www.config.clone(),
            tags: with_sources(mentioned(&www.pages, &defs), site),
            pages: www.pages.clone(),
            history: history.unwrap_or_else(|| TagName::parse(HISTORY_TAG).expect("a constant that is a name")),
            devices: devices.collect(),
            hosts: www.hosts.clone(),
            assets,
            mistakes: None,
            claim_file: None,
            announce: None,
        })
    }
}

/// Says where each tag comes from. A device's tag has no value without the daemon that reads the device: never fresh
/// while nobody owns it.
fn with_sources(mut tags: Vec<PageTag>, site: &Site) -> Vec<PageTag> {
    let mut sources = site.modbus_client.as_ref().map(Source::all).unwrap_or_default();
    for tag in &mut tags {
        tag.source = sources.remove(&tag.def.name);
        if tag.source.is_some() {
            tag.def.stale = Some(Duration::ZERO);
        }
    }
    tags
}

/// The tags of all pages in order of first mention; names `tags.yaml` doesn't define are left out.
fn mentioned(pages: &[Page], defs: &HashMap<&TagName, &TagDef>) -> Vec<PageTag> {
    let mut tags: Vec<PageTag> = Vec::new();
    let mut places: HashMap<TagName, usize> = HashMap::new();
    let mut mention = |name: &TagName, set: bool| {
        let Some(def) = defs.get(name) else { return };
        let place = *places.entry(name.clone()).or_insert_with(|| {
            tags.push(PageTag { def: (*def).clone(), set: false, source: None });
            tags.len() - 1
        });
        tags[place].set |= set;
    };
    for item in pages.iter().flat_map(|page| &page.items) {
        match item {
            Item::Value { tagname } => mention(&tagname.0, false),
            Item::Setpoint { tagname } | Item::Selectdict { tagname, .. } => mention(&tagname.0, true),
            Item::Uplot { series, .. } => {
                let names = series.as_array().into_iter().flatten().filter_map(|pen| pen.get("tagname")?.as_str());
                names.filter_map(|name| TagName::parse(name).ok()).for_each(|name| mention(&name, false));
            }
            Item::H1 { .. }
            | Item::H2 { .. }
            | Item::H3 { .. }
            | Item::P { .. }
            | Item::Br
            | Item::Hr
            | Item::Linebreak
            | Item::Placeholder { .. } => {}
        }
    }
    tags
}

#[cfg(test)]
mod tests {
    use site::ItemTag;
    use tag::Kind;

    use super::*;

    #[test]
    fn tags_are_numbered_by_first_mention_and_any_setpoint_opens_them() {
        let name = |text: &str| TagName::parse(text).unwrap();
        let defs = ["a", "b", "c"].map(|text| TagDef::new(name(text), Kind::Float));
        let defs = defs.iter().map(|def| (&def.name, def)).collect();
        let value = |text| Item::Value { tagname: ItemTag(name(text)) };
        let plot = Item::Uplot { ms: json!({}), axes: json!([]), series: json!([{"tagname": "c"}]), bands: json!([]) };
        let page = |id: &str, items| Page { id: id.into(), name: id.into(), parent: None, items };
        let set = Item::Setpoint { tagname: ItemTag(name("b")) };
        let pages = [page("one", vec![value("b"), plot, value("nowhere")]), page("two", vec![value("a"), set])];
        let tags = mentioned(&pages, &defs);
        let seen: Vec<_> = tags.iter().map(|tag| (tag.def.name.as_str(), tag.set)).collect();
        assert_eq!(seen, [("b", true), ("c", false), ("a", false)]);
    }
}
