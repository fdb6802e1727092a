//! Records into a store: CSV as `export` writes it, and pymscada's `.dat` files.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use tag::{Kind, TagName, Timestamp};

use super::{Progress, open_alone};
use crate::entry::{Number, Point, TIME_END};
use crate::error::StoreError;
use crate::format::Record;
use crate::store::FILE_NAME;
use crate::store::engine::Engine;
use crate::store::file::sqlite;
use crate::table::spell::point_of;

/// Records that become durable together: 2 MB of memory.
const STEP: usize = 65_536;

/// Or so many bytes of texts.
const STEP_TEXT_BYTES: usize = 4 << 20;

/// No line that could be taken is longer: the longest text, each byte of it escaped and its quotes doubled.
const LINE_BYTES_MAX: u64 = 1 << 20;

/// One of pymscada's records: a time and a number, eight bytes each, big-endian.
const DAT_BYTES: usize = 16;

/// What came of an import.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Brought {
    /// Records taken.
    pub taken: u64,
    /// Records whose time is past 2100, or whose value is none that the tag can have.
    pub refused: u64,
    /// What else was found, in words.
    pub remarks: Vec<String>,
}

/// Takes the records of a file into the store of this folder, which nobody else may have open. The name says what it is:
/// `TAG_TIME.dat` is pymscada's, anything else CSV. `kind_of` tells the type of a tag; `None` is a tag the site doesn't
/// know. The last value of a repeated time counts, and counts over what is there.
pub fn import(
    folder: &Path,
    file: &Path,
    kind_of: &dyn Fn(&TagName) -> Option<Kind>,
    progress: Progress<'_>,
) -> Result<Brought, StoreError> {
    let reading = |source| StoreError::Import { path: file.into(), source };
    let size = std::fs::metadata(file).map_err(reading)?.len();
    let mut input = BufReader::new(File::open(file).map_err(reading)?);
    let (_lock, engine) = open_alone(folder)?;
    let mut into = Into {
        engine,
        path: folder.join(FILE_NAME),
        tag: None,
        records: Vec::new(),
        text_bytes: 0,
        brought: Brought::default(),
    };
    if file.extension().is_some_and(|extension| extension == "dat") {
        let tag = dat_tag(file).ok_or_else(|| reading(wrong("the name is not that of a tag and a time")))?;
        let kind = kind_of(&tag).ok_or_else(|| StoreError::NoTag { tag: tag.clone() })?;
        bring_dat(&mut input, &tag, kind, &mut into, size, progress).map_err(|why| why.of(file))?;
    } else {
        bring_csv(&mut input, kind_of, &mut into, size, progress).map_err(|why| why.of(file))?;
    }
    into.finish()
}

/// Why an import ended: its input, or the store.
enum Ended {
    Input(io::Error),
    Store(StoreError),
}

impl Ended {
    fn of(self, file: &Path) -> StoreError {
        match self {
            Self::Input(source) => StoreError::Import { path: file.into(), source },
            Self::Store(error) => error,
        }
    }
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Self::Input(error)
    }
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Where records go, a tag at a time.
struct Into {
    engine: Engine,
    path: std::path::PathBuf,
    tag: Option<(TagName, Kind)>,
    records: Vec<Record>,
    text_bytes: usize,
    brought: Brought,
}

impl Into {
    fn push(&mut self, tag: &TagName, kind: Kind, at: Timestamp, point: Option<Point>) -> Result<(), Ended> {
        let Some(point) = point.filter(|_| at < TIME_END) else {
            self.brought.refused += 1;
            return Ok(());
        };
        let is_full = self.records.len() >= STEP || self.text_bytes >= STEP_TEXT_BYTES;
        if is_full || self.tag.as_ref().is_none_or(|(last, _)| last != tag) {
            self.settle()?;
            self.tag = Some((tag.clone(), kind));
        }
        self.text_bytes += point.text_bytes();
        self.records.push(Record { at, point });
        Ok(())
    }

    fn settle(&mut self) -> Result<(), Ended> {
        let records = std::mem::take(&mut self.records);
        self.text_bytes = 0;
        if let Some((tag, kind)) = self.tag.as_ref().filter(|_| !records.is_empty()) {
            let done = self.engine.bring(tag, *kind, &records);
            done.map_err(|source| Ended::Store(sqlite("importing into", &self.path)(source)))?;
            self.brought.taken += records.len() as u64;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Brought, StoreError> {
        self.settle().map_err(|why| why.of(Path::new("")))?;
        Ok(self.brought)
    }
}

/// `pump_1_1700000000000000.dat` is of `pump_1`.
fn dat_tag(file: &Path) -> Option<TagName> {
    let (tag, time) = file.file_stem()?.to_str()?.rsplit_once('_')?;
    let is_time = !time.is_empty() && time.bytes().all(|byte| byte.is_ascii_digit());
    TagName::parse(tag).ok().filter(|_| is_time)
}

fn bring_dat(
    input: &mut impl Read,
    tag: &TagName,
    kind: Kind,
    into: &mut Into,
    size: u64,
    progress: Progress<'_>,
) -> Result<(), Ended> {
    let mut record = [0; DAT_BYTES];
    let mut done = 0;
    loop {
        let mut had = 0;
        while had < DAT_BYTES {
            match input.read(&mut record[had..])? {
                0 => break,
                count => had += count,
            }
        }
        if had == 0 {
            return Ok(());
        }
        if had < DAT_BYTES {
            into.brought.remarks.push(format!("the last record is cut: {had} of {DAT_BYTES} bytes"));
            return Ok(());
        }
        let (time, bits) = record.split_at(8);
        let at = Timestamp(u64::from_be_bytes(time.try_into().expect("eight bytes")));
        let bits: [u8; 8] = bits.try_into().expect("eight bytes");
        let number = match kind {
            Kind::Int => Number::Int(i64::from_be_bytes(bits)),
            _ => Number::Float(f64::from_be_bytes(bits)),
        };
        into.push(tag, kind, at, Some(number).filter(|number| number.as_f64().is_finite()).map(Point::Value))?;
        done += DAT_BYTES as u64;
        progress(done, size);
    }
}

fn bring_csv(
    input: &mut impl BufRead,
    kind_of: &dyn Fn(&TagName) -> Option<Kind>,
    into: &mut Into,
    size: u64,
    progress: Progress<'_>,
) -> Result<(), Ended> {
    let (mut text, mut done, mut number) = (String::new(), 0, 0_u64);
    loop {
        text.clear();
        // A field in quotes may hold ends of lines.
        while text.is_empty() || text.bytes().filter(|byte| *byte == b'"').count() % 2 == 1 {
            let mut rest = input.by_ref().take(LINE_BYTES_MAX - text.len() as u64);
            match rest.read_line(&mut text)? {
                0 if text.is_empty() => return Ok(()),
                0 => return Err(wrong(&format!("line {number}: a quote that doesn't end")).into()),
                count => (done, number) = (done + count as u64, number + 1),
            }
        }
        progress(done, size);
        let fields = fields(text.trim_end_matches(['\n', '\r']));
        let [time, tag, value, why @ ..] = &fields[..] else {
            return Err(wrong(&format!("line {number}: wanted time,tag,value,quality")).into());
        };
        if number == 1 && time == "time" {
            continue;
        }
        let time: jiff::Timestamp = time.parse().map_err(|_| wrong(&format!("line {number}: {time} is no time")))?;
        let at = u64::try_from(time.as_microsecond());
        let at = at.map_err(|_| wrong(&format!("line {number}: before 1970")))?;
        let tag = TagName::parse(tag).map_err(|error| wrong(&format!("line {number}: {error}")))?;
        let kind = kind_of(&tag).ok_or_else(|| Ended::Store(StoreError::NoTag { tag: tag.clone() }))?;
        let point = point_of(value, why.first().map_or("", String::as_str), kind);
        into.push(&tag, kind, Timestamp(at), point)?;
    }
}

/// The fields of a line; one in quotes may hold commas.
fn fields(line: &str) -> Vec<String> {
    let (mut fields, mut field, mut is_quoted) = (Vec::new(), String::new(), false);
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if is_quoted && chars.next_if_eq(&'"').is_some() => field.push('"'),
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => fields.push(std::mem::take(&mut field)),
            c => field.push(c),
        }
    }
    fields.push(field);
    fields
}
