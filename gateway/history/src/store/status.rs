//! What the store says of itself.

use tag::Timestamp;

/// What there is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Status {
    /// Tags that have ever been recorded or are to be.
    pub tags: u64,
    /// Bytes on flash.
    pub bytes: u64,
    /// The oldest record.
    pub oldest: Option<Timestamp>,
    /// The newest record.
    pub newest: Option<Timestamp>,
    /// Records made durable since the start.
    pub written: u64,
    /// Why nothing can be written at the moment.
    pub failing: Option<String>,
    /// Chunks, lines and blocks that were met since the start and didn't read.
    pub damaged: u64,
    /// How large the database may grow.
    pub keep_bytes: u64,
    /// Bytes the kernel wrote to the device for us since the start, and for how long that was counted, in µs; nothing
    /// where the kernel doesn't count.
    pub device: Option<(u64, u64)>,
    /// The present clock isn't known to be right: what is recorded now gets its true time later.
    pub clock_uncertain: bool,
    /// The last damaged database that was set aside, until a person removes it.
    pub salvage: Option<Salvage>,
    /// How hard the bound on bytes written per day presses.
    pub thrift: Thrift,
    /// What the flash devices say of their own wear.
    pub wear: Vec<Wear>,
}

/// What is got back out of a damaged database, in the background.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Salvage {
    /// The name of the file it was set aside as, in the store's folder.
    pub file: String,
    /// When that was.
    pub at: Timestamp,
    /// Records got back up to now.
    pub got: u64,
    /// Chunks and lines of the log that were met and didn't read: each is up to some hundred records of a tag.
    pub lost: u64,
    /// Nothing more can be got.
    pub is_done: bool,
}

/// How the bound on bytes written per day is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Thrift {
    /// The bound; 0: none.
    pub day_bytes_max: u64,
    /// Bytes written to the device in the last 24 hours, as far as counted.
    pub day_bytes: u64,
    /// How long records wait now before they are made durable, in ms: longer than the site says when the bound is near.
    pub flush_ms: u64,
    /// A tag's changes are kept at most this often now, in ms; 0: every one.
    pub every_ms: u64,
    /// Changes not kept for that since the start.
    pub thinned: u64,
}

/// What a flash device says of its wear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wear {
    /// Which, as the kernel calls it: `mmcblk0`.
    pub device: String,
    /// How much of its life is used up at most, in percent; past 100 the maker promises nothing any more.
    pub used_percent: Option<u8>,
    /// Of its spare blocks, 80 % (`true`) or 90 % are used: replace it soon.
    pub is_near_end: bool,
}

impl Status {
    /// How many days a full store holds, judged by what there is: rollups and thinning make it more.
    pub fn days_kept(&self) -> Option<f64> {
        let days = self.newest?.micros_since(self.oldest?) as f64 / 86_400e6;
        (days > 0.0 && self.bytes > 0).then(|| days * self.keep_bytes as f64 / self.bytes as f64)
    }

    /// How many bytes a day are written to the device, if it was counted for at least some minutes.
    pub fn device_bytes_per_day(&self) -> Option<f64> {
        let (bytes, micros) = self.device.filter(|(_, micros)| *micros >= COUNTED_US_MIN)?;
        Some(bytes as f64 * 86_400e6 / micros as f64)
    }
}

/// Counted for less, the first flushes would be taken for a day's worth.
const COUNTED_US_MIN: u64 = 120_000_000;
