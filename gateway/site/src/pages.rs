//! `wwwserver.yaml`, checked: what the page shows, in its order.

use std::net::IpAddr;

use serde::Serialize;
use serde_json::Value as Json;
use tag::TagName;

use crate::BusAddress;

/// `wwwserver.yaml`.
#[derive(Debug, Clone, PartialEq)]
pub struct WwwServer {
    /// Which bus.
    pub bus: BusAddress,
    /// Where the page listens. Default 127.0.0.1.
    pub ip: IpAddr,
    /// Default 8324.
    pub port: u16,
    /// What the page calls the site; `None`: the name of its folder.
    pub title: Option<String>,
    /// Host names that browsers may use besides addresses, `localhost` and the machine's own name; lower case.
    pub hosts: Vec<String>,
    /// The `config` mapping, sent to browsers as it is.
    pub config: Json,
    /// The pages, in the file's order.
    pub pages: Vec<Page>,
}

/// One page. Serialised as the browser gets it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Page {
    /// The address part after `/p/`: the name in lower case, other characters as `-`, unique in the site.
    pub id: String,
    /// Its name in the menu.
    pub name: String,
    /// The menu it hangs under; `None`: at the top.
    pub parent: Option<String>,
    /// What it shows.
    pub items: Vec<Item>,
}

/// One item of a page. Serialised as the browser gets it: `{"type": "value", "tagname": …}`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Item {
    /// `h1`.
    H1 {
        /// Its text.
        desc: String,
    },
    /// `h2`.
    H2 {
        /// Its text.
        desc: String,
    },
    /// `h3`.
    H3 {
        /// Its text.
        desc: String,
    },
    /// `p`.
    P {
        /// Its text.
        desc: String,
    },
    /// `br`.
    Br,
    /// `hr`.
    Hr,
    /// `linebreak`: forces a new row.
    Linebreak,
    /// `value`: a tag that is shown.
    Value {
        /// Which tag.
        tagname: ItemTag,
    },
    /// `setpoint`: a tag that is shown and may be set.
    Setpoint {
        /// Which tag.
        tagname: ItemTag,
    },
    /// `selectdict`: cells of a dict tag that are picked and set together.
    Selectdict {
        /// Which tag.
        tagname: ItemTag,
        /// `type: multi|float`, `multi: [..]`, `min`, `max`, `dp`, `units`, as written.
        opts: Json,
    },
    /// `uplot`: a trend. Its keys as written and checked: `ms`, `axes`, `series`, `bands`.
    Uplot {
        /// Title, height, legend.
        ms: Json,
        /// `{scale, range, dp, side, show}` each.
        axes: Json,
        /// `{tagname, label, scale, color, dp, …}` each.
        series: Json,
        /// `{series: [a, b], fill, dir}` each.
        bands: Json,
    },
    /// Something this release doesn't draw yet, or an item with a mistake: a quiet placeholder.
    Placeholder {
        /// The type the site wrote: `opnotes`.
        kind: String,
        /// What to say in its place.
        why: String,
        /// Where the item is written: `wwwserver.yaml:34`.
        at: String,
    },
}

/// A tag name as JSON text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemTag(pub TagName);

impl Serialize for ItemTag {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}
