//! What the site says, as this daemon needs it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::tz::TimeZone;
use site::Site;
use tag::{TagDef, TagName};

/// How often what came in is handed to the store, where it can be seen.
pub(crate) const TICK: Duration = Duration::from_secs(1);

/// What this daemon does.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder of the database.
    pub folder: PathBuf,
    /// The tag that is asked.
    pub rta_tag: TagName,
    /// The tags that are recorded.
    pub tags: Vec<TagDef>,
    /// How often what came in is made durable.
    pub flush: Duration,
    /// How large the store may grow, in bytes.
    pub keep_bytes: u64,
    /// How much may be written to the flash in a day, in bytes; 0: no bound.
    pub day_bytes_max: u64,
    /// The zone whose days are rolled up.
    pub zone: TimeZone,
    /// By tag: it is read from a device, so that nobody but the box's own clock stamps it.
    pub own: Vec<bool>,
}

impl Config {
    /// What a site asks for; `None` when it has no `history.yaml`. A relative path is taken below `state`.
    pub fn from_site(site: &Site, state: &Path) -> Option<Self> {
        let history = site.history.as_ref()?;
        let devices: HashSet<&TagName> = site.modbus_client.iter().flat_map(|m| &m.tags).map(|tag| &tag.name).collect();
        let mut tags: Vec<TagDef> = site.tags.iter().filter(|def| def.recorded).cloned().collect();
        // A device's tag has no value without the daemon that reads the device.
        for tag in tags.iter_mut().filter(|tag| devices.contains(&tag.name)) {
            tag.stale = Some(Duration::ZERO);
        }
        let own = tags.iter().map(|tag| devices.contains(&tag.name)).collect();
        Some(Self {
            folder: state.join(&history.path),
            rta_tag: history.rta_tag.clone(),
            tags,
            flush: history.flush,
            keep_bytes: history.keep_bytes,
            day_bytes_max: history.day_bytes_max,
            zone: TimeZone::system(),
            own,
        })
    }
}
