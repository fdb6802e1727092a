//! `wwwserver.yaml`: the file, its pages and their items. Trends are in [`super::uplot`].

use super::small::{BUS_IP, BUS_PORT};
use super::{Key, Kind, NUMBER, PORT, Table, UPLOT};

/// The file.
pub(crate) static WWW_SERVER: Table = Table {
    what: "wwwserver.yaml",
    keys: &[
        BUS_IP,
        BUS_PORT,
        Key::used("ip", Kind::Ip, "127.0.0.1", "Where the page listens; 0.0.0.0 for every network.", "ip: 0.0.0.0"),
        Key::used("port", PORT, "8324", "The port; 0 takes a free one.", "port: 8324"),
        Key::used("title", Kind::Text, "the folder's name", "What the page calls the site.", "title: Mill weir"),
        Key::used(
            "hosts",
            Kind::TextOrTexts,
            "none",
            "Names by which browsers may call this machine, besides its addresses, localhost and its own name.",
            "hosts: [scada.lan]",
        ),
        Key::used(
            "config",
            Kind::Free,
            "{}",
            "A mapping that browsers get as it is: primary_color, secondary_color, mscada_link, people, sites.",
            "config: {primary_color: darkmagenta}",
        ),
        Key::used("pages", Kind::Many(&PAGE), "none", "The pages, in the order of the menu.", ""),
        Key::unused("get_path", "it is another build of pymscada's pages, and the gateway serves its own"),
        Key::unused("paths", "in older pymscada these folders were served, and the gateway serves only its page"),
        Key::unused("serve_path", "it is for the links of a files item, which isn't drawn yet"),
        Key::unused("webclient", "in older pymscada it was config"),
        Key::unused("www_tag", "it is a tag that pymscada makes and never uses"),
    ],
};

/// A page.
pub(crate) static PAGE: Table = Table {
    what: "a page",
    keys: &[
        Key::used(
            "name",
            Kind::Text,
            "",
            "Its name in the menu, and its address: /p/pump-station.",
            "name: Pump station",
        ),
        Key::used("parent", Kind::Text, "at the top", "The menu it hangs under.", "parent: Stations"),
        Key::used("items", Kind::Loader("a list of items"), "none", "What it shows, from top to bottom.", ""),
        Key::unused("id", "a page's address is made of its name"),
    ],
};

const TYPE: Key = Key::used("type", Kind::Text, "", "What kind of item it is.", "type: value");
const STYLE: Key = Key::unused("style", "it holds CSS classes of pymscada's page");
const NO_DESC: Key = Key::unused("desc", "the tag's own desc is shown");
const DESC: Key = Key::used("desc", Kind::Text, "nothing", "The text.", "{type: h1, desc: Pump station}");
const NO_TAG: Key = Key::unused("tagname", "this item shows no tag");
const TAG: Kind = Kind::Text;

static TEXT: Table = Table { what: "a text item", keys: &[TYPE, DESC, STYLE, NO_TAG] };
static LINE: Table = Table { what: "this item", keys: &[TYPE, STYLE, Key::unused("desc", "it has no text"), NO_TAG] };
static VALUE: Table = Table {
    what: "a value",
    keys: &[
        TYPE,
        Key::used("tagname", TAG, "", "The tag that is shown.", "{type: value, tagname: Flow}"),
        NO_DESC,
        STYLE,
    ],
};
static SETPOINT: Table = Table {
    what: "a setpoint",
    keys: &[
        TYPE,
        Key::used("tagname", TAG, "", "The tag that is shown and may be set.", "{type: setpoint, tagname: FlowSet}"),
        NO_DESC,
        STYLE,
    ],
};
static SELECTDICT: Table = Table {
    what: "a selectdict",
    keys: &[
        TYPE,
        Key::used(
            "tagname",
            TAG,
            "",
            "A dict tag with the lists labels, values and locks (1: can't be picked).",
            "{type: selectdict, tagname: Gates, opts: {type: float, dp: 1}}",
        ),
        Key::used("opts", Kind::One(&OPTS), "floats", "What its cells hold.", "opts: {type: multi, multi: [Off, On]}"),
        NO_DESC,
        STYLE,
    ],
};

/// `opts` of a `selectdict`.
pub(crate) static OPTS: Table = Table {
    what: "opts",
    keys: &[
        Key::used(
            "type",
            Kind::Word(&["multi", "float"], &[]),
            "float",
            "States with names, or numbers.",
            "type: multi",
        ),
        Key::used("multi", Kind::Texts, "none", "The names of the states 0, 1, 2 …", "multi: [Zero, One, Two]"),
        Key::used("min", NUMBER, "no limit", "The lowest number that may be set.", "min: 0"),
        Key::used("max", NUMBER, "no limit", "The highest number that may be set.", "max: 10"),
        Key::used("dp", Kind::Int(0, 15), "2", "Decimals shown.", "dp: 2"),
        Key::used("units", Kind::Text, "none", "Shown after the number.", "units: m"),
    ],
};

static OPNOTES: Table = Table {
    what: "an opnotes item",
    keys: &[
        TYPE,
        Key::used("age_d", NUMBER, "30", "How many days back.", "age_d: 30"),
        Key::used("site_groups", Kind::Free, "none", "Sites by group.", ""),
        Key::unused("site", "in older pymscada it was the sites to choose from"),
        Key::unused("by", "in older pymscada it was the people to choose from"),
        NO_DESC,
        STYLE,
        NO_TAG,
    ],
};
static ALARMS: Table = Table {
    what: "an alarms item",
    keys: &[TYPE, Key::used("age_d", NUMBER, "2", "How many days back.", "age_d: 2"), NO_DESC, STYLE, NO_TAG],
};
static CALLOUT: Table = Table {
    what: "a callout item",
    keys: &[TYPE, Key::used("tagname", TAG, "__callout__", "The callout tag.", "tagname: __callout__"), NO_DESC, STYLE],
};
static FILES: Table = Table {
    what: "a files item",
    keys: &[
        TYPE,
        Key::used("desc", Kind::Text, "none", "Heading.", ""),
        Key::used("filter", Kind::Text, "all", "Which paths.", ""),
        STYLE,
        NO_TAG,
    ],
};

/// One type of item.
#[derive(Debug)]
pub(crate) struct ItemKind {
    /// `value`
    pub(crate) name: &'static str,
    /// Its keys.
    pub(crate) table: &'static Table,
    /// Whether this release draws it.
    pub(crate) built: bool,
    /// What it is.
    pub(crate) meaning: &'static str,
}

const fn kind(name: &'static str, table: &'static Table, built: bool, meaning: &'static str) -> ItemKind {
    ItemKind { name, table, built, meaning }
}

/// Every type of item.
pub(crate) static ITEMS: &[ItemKind] = &[
    kind("h1", &TEXT, true, "A heading."),
    kind("h2", &TEXT, true, "A smaller heading."),
    kind("h3", &TEXT, true, "A small heading."),
    kind("p", &TEXT, true, "A paragraph."),
    kind("br", &LINE, true, "An empty line."),
    kind("hr", &LINE, true, "A rule."),
    kind("linebreak", &LINE, true, "What follows starts a new row."),
    kind("value", &VALUE, true, "A tag that is shown."),
    kind("setpoint", &SETPOINT, true, "A tag that is shown and may be set."),
    kind("selectdict", &SELECTDICT, true, "Cells of a dict tag, picked and set together."),
    kind("uplot", &UPLOT, true, "A trend."),
    kind("opnotes", &OPNOTES, false, "The operators' notes."),
    kind("alarms", &ALARMS, false, "The list of alarms."),
    kind("callout", &CALLOUT, false, "Who is called."),
    kind("files", &FILES, false, "Files to open."),
];

/// The type of item of that name.
pub(crate) fn item(name: &str) -> Option<&'static ItemKind> {
    // Its name in older pymscada.
    let name = if name == "opnote" { "opnotes" } else { name };
    ITEMS.iter().find(|kind| kind.name == name)
}
