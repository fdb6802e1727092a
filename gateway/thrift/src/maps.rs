//! Which regions of a process are nothing but a file's pages, out of `/proc/PID/smaps` (proc_pid_smaps(5)).

use std::collections::BTreeSet;

/// A part of the address space, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// Its first address.
    pub start: usize,
    /// How long it is.
    pub length: usize,
}

#[derive(Debug, Default)]
struct Mapping<'a> {
    region: Option<Region>,
    rights: &'a str,
    file: &'a str,
    /// Something of it is in memory. An emulator's table has noughts everywhere, which say nothing of what was written.
    is_resident: bool,
    /// None of its pages differ from the file's.
    is_the_files: bool,
}

/// The regions of programs and libraries (files of which some part may be executed) that are private, never written and the
/// same as in their files: code, constants, symbol tables. Parts that the linker wrote to before it locked them, parts that
/// take no memory and every other file are left out, and so is what can't be understood.
pub fn code_and_constants(smaps: &str) -> Vec<Region> {
    let mappings = mappings(smaps);
    let programs: BTreeSet<&str> =
        mappings.iter().filter(|mapping| mapping.rights == "r-xp").map(|mapping| mapping.file).collect();
    let wanted = mappings.into_iter().filter(|mapping| {
        matches!(mapping.rights, "r-xp" | "r--p")
            && mapping.is_resident
            && mapping.is_the_files
            && programs.contains(mapping.file)
    });
    wanted.filter(|mapping| mapping.file.starts_with('/')).filter_map(|mapping| mapping.region).collect()
}

fn mappings(smaps: &str) -> Vec<Mapping<'_>> {
    let mut all: Vec<Mapping<'_>> = Vec::new();
    for line in smaps.lines() {
        if let Some(mapping) = header(line) {
            all.push(mapping);
        } else if let (Some(mapping), Some((what, size))) = (all.last_mut(), line.split_once(':')) {
            let is_none = size.trim() == "0 kB";
            match what {
                "Rss" => mapping.is_resident = !is_none,
                "Anonymous" => mapping.is_the_files = is_none,
                _ => {}
            }
        }
    }
    all
}

/// `55d0c8a00000-55d0c8c00000 r-xp 00001000 fe:00 1234      /usr/bin/forebay`
fn header(line: &str) -> Option<Mapping<'_>> {
    let (range, rest) = line.split_once(' ')?;
    let (start, end) = range.split_once('-')?;
    let start = usize::from_str_radix(start, 16).ok()?;
    let length = usize::from_str_radix(end, 16).ok()?.checked_sub(start)?;
    let rights = rest.get(..4)?;
    // Behind rights, offset, device and inode; a path may have spaces in it. Deleted files have a word behind it, and are
    // the same file still.
    let file = rest.splitn(5, ' ').nth(4).unwrap_or("").trim_start();
    Some(Mapping { region: Some(Region { start, length }), rights, file, ..Mapping::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMAPS: &str = "\
1000-3000 r--p 00000000 fe:00 77                     /usr/bin/forebay bus
Rss:                   8 kB
Anonymous:             0 kB
3000-8000 r-xp 00002000 fe:00 77                     /usr/bin/forebay bus
Rss:                   8 kB
Anonymous:             0 kB
8000-9000 r--p 00007000 fe:00 77                     /usr/bin/forebay bus
Rss:                   8 kB
Anonymous:             4 kB
9000-a000 rw-p 00008000 fe:00 77                     /usr/bin/forebay bus
Rss:                   8 kB
Anonymous:             0 kB
a000-b000 rw-p 00000000 00:00 0                      [heap]
Rss:                   8 kB
Anonymous:             4 kB
b000-c000 r--p 00000000 fe:00 78                     /usr/lib/locale/C.utf8/LC_CTYPE
Rss:                   8 kB
Anonymous:             0 kB
c000-d000 r--s 00000000 fe:00 79                     /var/lib/forebay/history.db
Rss:                   8 kB
Anonymous:             0 kB
d000-e000 r-xp 00000000 00:00 0                      [vdso]
Rss:                   8 kB
Anonymous:             0 kB
e000-f000 r-xp 00000000 00:00 0
Rss:                   8 kB
Anonymous:             0 kB
f000-10000 rwxp 00000000 fe:00 80                    /usr/lib/odd.so
Rss:                   8 kB
Anonymous:             0 kB
10000-11000 r--p 00001000 fe:00 80                   /usr/lib/odd.so
Rss:                   0 kB
Anonymous:             0 kB
11000-12000 r-xp 00002000 fe:00 80                   /usr/lib/odd.so
Rss:                   0 kB
Anonymous:             0 kB
";

    #[test]
    fn picks_code_and_constants_and_nothing_that_was_or_can_be_written() {
        let expected = vec![Region { start: 0x1000, length: 0x2000 }, Region { start: 0x3000, length: 0x5000 }];
        assert_eq!(code_and_constants(SMAPS), expected);
    }

    #[test]
    fn what_is_not_understood_is_left_alone() {
        let cut = SMAPS.split("Rss").next().unwrap();
        assert_eq!(code_and_constants(cut), []);
        assert_eq!(code_and_constants("rubbish\n9-1 r-xp 0 0 0 /x\nRss: 4 kB\nAnonymous: 0 kB\n"), []);
        assert_eq!(code_and_constants(""), []);
    }
}
