//! Gives back to the kernel what only a daemon's start needed.
//!
//! In: nothing. Out: fewer resident pages. Never: memory that anybody may still write to.
//!
//! To start, a daemon runs through all of its binary: the command line, the site's YAML, the dynamic linker's search in
//! every library. These pages stay in its page tables for the years it runs, although they lie in the page cache and the
//! next one needed costs a microsecond. On a box with 512 MB the daemons' resident size is what the kernel's
//! out-of-memory choice and every person with `top` goes by, so it should say what a daemon needs.
//! Why it is done by hand: `decisions/0011-the-start-is-given-back.md`.

mod maps;

use std::io;

pub use maps::{Region, code_and_constants};

/// Gives the pages of code and constants that this process has mapped back to the page cache, and free heap to the kernel.
/// The pages that are needed again come back one by one by themselves. Returns the bytes of the regions that were given
/// back. Meant to be called once, when everything has started.
///
/// # Errors
/// `/proc/self/smaps` can't be read, as without `/proc`; or the kernel refuses. Then everything is as it was.
pub fn give_back_start() -> io::Result<usize> {
    let text = std::fs::read_to_string("/proc/self/smaps")?;
    let mut bytes = 0;
    for region in code_and_constants(&text) {
        drop_pages(&region)?;
        bytes += region.length;
    }
    trim_heap();
    Ok(bytes)
}

#[allow(unsafe_code)]
fn drop_pages(region: &Region) -> io::Result<()> {
    let start = std::ptr::without_provenance_mut(region.start);
    // SAFETY: the region is part of the program's own file or of a library with code in this process; those are never
    // unmapped (nothing here calls dlclose), so the addresses still mean the same file. It is private, not writable, and
    // has no page that differs from the file (`Anonymous: 0`), so whatever is read there next is what was there before.
    let done = unsafe { libc::madvise(start, region.length, libc::MADV_DONTNEED) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(target_env = "gnu")]
#[allow(unsafe_code)]
fn trim_heap() {
    // SAFETY: takes the allocator's own locks and touches free memory only.
    unsafe { libc::malloc_trim(0) };
}

#[cfg(not(target_env = "gnu"))]
fn trim_heap() {}
