//! A trend: the `uplot` item of `wwwserver.yaml`.

use super::{Key, Kind, Table};

const SIDE: Kind = Kind::Word(&["left", "right", "after", "none"], &[]);
const FILL: Kind = Kind::Loader("a colour, or [colour, how opaque from 0 to 1]");
const SIDE_OF_AXIS: Kind = Kind::Loader("0 top, 1 right, 2 bottom, 3 left");

/// The item.
pub(crate) static UPLOT: Table = Table {
    what: "a uplot",
    keys: &[
        Key::used("type", Kind::Text, "", "uplot", "type: uplot"),
        Key::used("ms", Kind::One(&MS), "{}", "Title, size and legend.", "ms: {desc: Levels, legend_pos: left}"),
        Key::used(
            "axes",
            Kind::Many(&AXIS),
            "the last hour, one scale",
            "The time axis (scale x) and the scales.",
            "axes: [{scale: x, range: [-3600, 0]}, {scale: m}]",
        ),
        Key::used("series", Kind::Many(&SERIES), "", "The pens.", "series: [{tagname: Level, scale: m, color: blue}]"),
        Key::used(
            "bands",
            Kind::Many(&BAND),
            "none",
            "Filled between two pens.",
            "bands: [{series: [High, Low], fill: [green, 0.3]}]",
        ),
        Key::unused("desc", "the title is ms: desc"),
        Key::unused("tagname", "the tags are in series"),
        Key::unused("style", "it holds CSS classes of pymscada's page"),
    ],
};

/// `ms`.
pub(crate) static MS: Table = Table {
    what: "ms",
    keys: &[
        Key::used("desc", Kind::Text, "none", "The title.", "desc: Levels"),
        Key::used("height", Kind::Int(50, 10_000), "fills the screen", "Height in px.", "height: 400"),
        Key::used("legend_pos", SIDE, "below", "Where the legend is.", "legend_pos: left"),
        Key::used("legend_show", Kind::Bool, "yes", "Whether there is one.", "legend_show: no"),
        Key::used("time_pos", SIDE, "left", "Where the time at the cursor is.", "time_pos: left"),
        Key::used("time_show", Kind::Bool, "yes", "Whether it is shown.", "time_show: no"),
        Key::used(
            "time_res",
            Kind::Word(&["ms", "s", "m", "D"], &[]),
            "s",
            "How fine it is: milliseconds, seconds, minutes, days.",
            "time_res: m",
        ),
        Key::used(
            "bghighlight",
            Kind::Loader("a list of {xpos: number or now, color: colour}"),
            "none",
            "Colours of the background, each from a time on: seconds since 1970; after the word now, seconds from now.",
            "bghighlight: [{xpos: now, color: lightgrey}]",
        ),
        Key::unused("tagname", "the tags are in series"),
        Key::unused("age", "it is in pymscada's demo, but never read: the range of axis x decides"),
    ],
};

/// One of `axes`.
pub(crate) static AXIS: Table = Table {
    what: "an axis",
    keys: &[
        Key::used("scale", Kind::Text, "", "x for time, or the name of a scale.", "scale: m"),
        Key::used(
            "range",
            Kind::NumberOrPair,
            "x: the last hour; others: as the values need",
            "For x seconds from now: [-past, future] or -past; for a scale [min, max].",
            "range: [-3600, 0]",
        ),
        Key::used("dp", Kind::Int(0, 15), "as needed", "Decimals at the axis.", "dp: 1"),
        Key::used("side", SIDE_OF_AXIS, "left, then right", "Which side the axis is on.", "side: 1"),
        Key::used("show", Kind::Bool, "yes", "Whether the axis is drawn.", "show: no"),
    ],
};

/// One of `series`.
pub(crate) static SERIES: Table = Table {
    what: "a series",
    keys: &[
        Key::used("tagname", Kind::Text, "", "A tag with numbers.", "tagname: Level"),
        Key::used("label", Kind::Text, "the tag's desc", "Its name in the legend.", "label: Forebay"),
        Key::used("scale", Kind::Text, "the first", "The axis it belongs to.", "scale: m"),
        Key::used("color", Kind::Text, "from a set", "Colour of the line.", "color: blue"),
        Key::used("dp", Kind::Int(0, 15), "the tag's", "Decimals in the legend.", "dp: 1"),
        Key::used("width", Kind::Number(0.0, 100.0), "1", "Width of the line in px.", "width: 2"),
        Key::used(
            "spanGaps",
            Kind::Bool,
            "no",
            "pymscada's lines go on over missing values; here a gap is always a gap, whatever this says.",
            "spanGaps: no",
        ),
        Key::used("dash", Kind::Loader("a list of lengths"), "a full line", "Dashes and gaps in px.", "dash: [4, 2]"),
        Key::used("fill", FILL, "none", "Filled down to zero.", "fill: [blue, 0.2]"),
        Key::used(
            "linestyle",
            Kind::Word(&["stepped", "linear", "spline"], &[]),
            "stepped",
            "How two values are joined.",
            "linestyle: linear",
        ),
        Key::used(
            "points",
            Kind::Loader("yes, no, or a mapping of uPlot"),
            "no",
            "Marks at the values.",
            "points: yes",
        ),
        Key::used("nolegend", Kind::Bool, "no", "Leaves it out of the legend.", "nolegend: yes"),
    ],
};

/// One of `bands`.
pub(crate) static BAND: Table = Table {
    what: "a band",
    keys: &[
        Key::used("series", Kind::Texts, "", "The two tags between which it lies.", "series: [High, Low]"),
        Key::used("fill", FILL, "grey", "Its colour.", "fill: [green, 0.3]"),
        Key::used(
            "dir",
            Kind::Int(-1, 1),
            "wherever both are",
            "Only where the first is above the second (-1), or below it (1).",
            "dir: 1",
        ),
    ],
};
