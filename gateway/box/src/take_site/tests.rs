use std::fs::File;
use std::io;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use super::*;

const OLD: &str = "level:\n  desc: Old\n  type: float\n";
const NEW: &str = "level:\n  desc: New\n  type: float\n";
const BAD: &str = "level:\n  type: flaot\n";

/// What somebody brought, and where the daemons read.
struct Box_ {
    root: tempfile::TempDir,
}

impl Box_ {
    fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap() }
    }

    fn from(&self) -> PathBuf {
        self.root.path().join("card/site")
    }

    fn to(&self) -> PathBuf {
        self.root.path().join("data/site")
    }

    fn with_places(self) -> Self {
        fs::create_dir_all(self.from()).unwrap();
        fs::create_dir_all(self.to().parent().unwrap()).unwrap();
        self
    }

    fn bring(&self, tags: &str) {
        fs::write(self.from().join("tags.yaml"), tags).unwrap();
    }

    fn take(&self) -> Taken {
        take(&self.from(), &self.to(), &|_| None)
    }

    fn read(&self) -> Option<Vec<site::File>> {
        Folder::read(&self.to()).map(|folder| folder.files)
    }

    fn runs(&self, tags: &str) -> bool {
        self.read() == Some(vec![("tags.yaml".into(), tags.into())])
    }

    fn is_clean(&self) -> bool {
        fs::read_dir(self.to().parent().unwrap()).unwrap().count() == 1
    }
}

fn errors(taken: &Taken) -> Vec<String> {
    let errors = taken.findings.iter().filter(|finding| finding.severity == Severity::Error);
    errors.map(ToString::to_string).collect()
}

#[test]
fn the_decision_is_a_table() {
    let decided = |brought| [true, false].map(|last| decide(brought, || last));
    assert_eq!(decided(Brought::Good), [None, None]);
    assert_eq!(decided(Brought::SameAsLast), [Some(End::Unchanged); 2]);
    assert_eq!(decided(Brought::WithMistakes), [Some(End::KeptLast), Some(End::NoSite)]);
    assert_eq!(decided(Brought::Nothing), [Some(End::NothingNew), Some(End::NoSite)]);
    let codes = [End::Taken, End::Unchanged, End::NothingNew, End::KeptLast, End::NoSite].map(End::code);
    assert_eq!(codes, [0, 0, 0, 3, 4], "units name them");
}

#[test]
fn a_good_site_is_taken_once_and_a_bad_one_leaves_it_running() {
    // A box from its first site on: good, again, with a mistake, mended, gone.
    let one = Box_::new().with_places();
    one.bring(BAD);
    assert_eq!(one.take().end, End::NoSite);
    assert!(one.read().is_none(), "nothing was copied");
    one.bring(OLD);
    assert_eq!(one.take().end, End::Taken);
    assert!(one.runs(OLD) && one.is_clean());
    assert_eq!(one.take().end, End::Unchanged);
    one.bring(BAD);
    let kept = one.take();
    assert_eq!(kept.end, End::KeptLast);
    assert!(errors(&kept)[0].starts_with("tags.yaml:2:"), "{kept:?}");
    assert!(one.runs(OLD) && one.is_clean());
    one.bring(NEW);
    assert_eq!(one.take().end, End::Taken);
    assert!(one.runs(NEW) && one.is_clean());
    fs::remove_dir_all(one.from()).unwrap();
    let none = one.take();
    assert_eq!((none.end, none.findings.len()), (End::NothingNew, 0));
    // What ran must check too: a new release may be stricter, a card may rot.
    fs::write(one.to().join("tags.yaml"), BAD).unwrap();
    assert_eq!(one.take().end, End::NoSite);
}

#[test]
fn the_power_may_be_cut_at_every_step() {
    // A site of three files, one of them a device, over one of one file, over nothing, and over a leftover: at each step the daemons' folder is
    // the old one or the new one, and the next run brings the new one and leaves nothing beside it.
    let new: Vec<site::File> = ["a.yaml", "devices/pump.yaml", "tags.yaml"]
        .map(|name| (name.into(), format!("# {name}\n{NEW}").into_bytes()))
        .into();
    for first in [false, true] {
        for leftover in [false, true] {
            let (mut cut_at, mut ended) = (0_u32, false);
            let (mut saw_old, mut saw_new) = (0, 0);
            while !ended {
                let one = Box_::new().with_places();
                let old: Option<Vec<site::File>> = (!first).then(|| vec![("tags.yaml".into(), OLD.into())]);
                if let Some(files) = &old {
                    fs::create_dir(one.to()).unwrap();
                    fs::write(one.to().join("tags.yaml"), &files[0].1).unwrap();
                }
                if leftover {
                    fs::create_dir(folder::beside(&one.to())).unwrap();
                    fs::write(folder::beside(&one.to()).join("a.yaml"), "# ha").unwrap();
                }
                let mut left = cut_at;
                let ran = folder::replace(&one.to(), &new, &mut || {
                    let on = left > 0;
                    left = left.saturating_sub(1);
                    if on { Ok(()) } else { Err(io::Error::other("power cut")) }
                });
                ended = ran.is_ok();
                let now = one.read();
                let is_new = now.as_ref() == Some(&new);
                assert!(is_new || now == old, "cut at step {cut_at}, first {first}, leftover {leftover}: {now:?}");
                if is_new {
                    saw_new += 1
                } else {
                    saw_old += 1
                }
                folder::replace(&one.to(), &new, &mut || Ok(())).unwrap();
                assert!(one.read().as_ref() == Some(&new) && one.is_clean(), "after a cut at step {cut_at}");
                cut_at += 1;
            }
            assert_eq!(
                (saw_old, saw_new),
                (15, 3),
                "2 + 2 for the folder + 3 for each of 3 files + 2 before the exchange"
            );
        }
    }
}

#[test]
fn the_sites_own_devices_come_along() {
    // A site that uses a device of its own: taken, unchanged, taken again when only the device is another; with a mistake in
    // the device the last one runs on.
    const PUMP: &str = "registers: {speed: {type: int16, read: '4x:1'}}\n";
    let one = Box_::new().with_places();
    let client = "rtus: [{name: L, ip: 10.0.0.1}]\ndevices: [{device: pump, line: L, unit: 1, prefix: P_}]\n";
    fs::write(one.from().join("modbusclient.yaml"), client).unwrap();
    one.bring("P_speed: {alarm: '> 5'}\n");
    assert!(errors(&one.take())[0].contains("device = \"pump\""), "not there yet");
    let device = one.from().join("devices/pump.yaml");
    fs::create_dir(one.from().join("devices")).unwrap();
    fs::write(&device, PUMP).unwrap();
    fs::write(one.from().join("devices/manual.pdf"), "").unwrap();
    let taken = one.take();
    assert_eq!((taken.end, errors(&taken)), (End::Taken, vec![]));
    let notice = taken.findings.iter().find(|finding| finding.severity == Severity::Notice).unwrap().to_string();
    assert!(notice.contains("left out: devices/manual.pdf"), "{notice}");
    let loaded = site::load_dir(&one.to(), &|_| None);
    assert_eq!(loaded.site.unwrap().modbus_client.unwrap().tags[0].name.as_str(), "P_speed");
    assert_eq!(one.take().end, End::Unchanged);
    fs::write(&device, PUMP.replace("4x:1", "4x:2")).unwrap();
    assert_eq!(one.take().end, End::Taken);
    fs::write(&device, PUMP.replace("int16", "int15")).unwrap();
    let taken = one.take();
    assert_eq!(taken.end, End::KeptLast);
    assert!(errors(&taken)[0].starts_with("devices/pump.yaml:1:27: error: type = \"int15\""), "{:?}", errors(&taken));
    // Devices alone are no site.
    for file in ["tags.yaml", "modbusclient.yaml"] {
        fs::remove_file(one.from().join(file)).unwrap();
    }
    assert_eq!(one.take().end, End::KeptLast);
}

#[test]
fn leftovers_of_every_kind_go_at_the_next_run_even_when_nothing_changed() {
    let one = Box_::new().with_places();
    one.bring(OLD);
    assert_eq!(one.take().end, End::Taken);
    let leftover = folder::beside(&one.to());
    fs::write(&leftover, "a file").unwrap();
    assert_eq!(one.take().end, End::Unchanged);
    assert!(one.is_clean());
    let elsewhere = one.root.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::write(elsewhere.join("keep"), "").unwrap();
    symlink(&elsewhere, &leftover).unwrap();
    assert_eq!(one.take().end, End::Unchanged);
    assert!(one.is_clean() && elsewhere.join("keep").is_file(), "a link is removed, not what it points at");
}

#[test]
fn a_folder_full_of_junk_is_told_in_words() {
    let one = Box_::new().with_places();
    let from = one.from();
    for name in ["DSC_0001.JPG", "notes.txt", "a\nb.yaml", ".hidden.yaml", "._tags.yaml"] {
        fs::write(from.join(name), [0xff; 64]).unwrap();
    }
    fs::create_dir_all(from.join("mysite")).unwrap();
    fs::write(from.join("mysite/tags.yaml"), OLD).unwrap();
    let taken = one.take();
    assert_eq!(taken.end, End::NoSite);
    assert!(errors(&taken)[0].contains("no .yaml file") && errors(&taken)[0].contains("those in mysite"), "{taken:?}");
    let notice = taken.findings.iter().find(|finding| finding.severity == Severity::Notice).unwrap().to_string();
    assert!(notice.contains("DSC_0001.JPG") && notice.contains("a\u{fffd}b.yaml") && !notice.contains("hidden"));
    one.bring(OLD);
    assert_eq!(one.take().end, End::Taken, "junk beside a good site does no harm");
    assert!(one.runs(OLD), "and isn't copied");
    fs::rename(from.join("notes.txt"), from.join("bus.yml")).unwrap();
    assert!(one.take().findings.iter().any(|finding| finding.hint.as_deref() == Some("call it bus.yaml")));
    for n in 0..FILES_TOO_MANY {
        fs::write(from.join(format!("m{n}.yaml")), "").unwrap();
    }
    let taken = one.take();
    assert!(taken.end == End::KeptLast && errors(&taken)[0].contains("at most"), "{:?}", errors(&taken));
}

const FILES_TOO_MANY: usize = 200;

#[test]
fn neither_links_outside_nor_pipes_nor_huge_files_are_read() {
    let one = Box_::new().with_places();
    let secret = one.root.path().join("secret");
    fs::write(&secret, OLD).unwrap();
    type Make<'m> = &'m dyn Fn(&Path);
    let wrong: [(&str, Make<'_>); 5] = [
        ("outside the site", &|at| symlink(&secret, at).unwrap()),
        ("can't read this file", &|at| symlink("nowhere", at).unwrap()),
        ("not a file", &|at| fs::create_dir(at).unwrap()),
        ("not a file", &|at| nix::unistd::mkfifo(at, nix::sys::stat::Mode::S_IRWXU).unwrap()),
        ("larger than 4 MB", &|at| File::create(at).unwrap().set_len((4 << 20) + 1).unwrap()),
    ];
    let at = one.from().join("tags.yaml");
    for (words, make) in wrong {
        make(&at);
        let taken = one.take();
        assert!(taken.end == End::NoSite && errors(&taken)[0].contains(words), "{words}: {:?}", errors(&taken));
        let removed = if at.is_dir() { fs::remove_dir(&at) } else { fs::remove_file(&at) };
        removed.unwrap();
    }
    fs::create_dir(one.from().join(".data")).unwrap();
    fs::write(one.from().join(".data/tags"), OLD).unwrap();
    symlink(".data/tags", &at).unwrap();
    assert_eq!(one.take().end, End::Taken, "a link inside the site is only another way of writing it");
    assert!(one.runs(OLD) && one.to().join("tags.yaml").symlink_metadata().unwrap().is_file());
    for n in 0..5 {
        File::create(one.from().join(format!("big{n}.yaml"))).unwrap().set_len(4 << 20).unwrap();
    }
    assert!(errors(&one.take()).iter().any(|error| error.contains("larger than 16 MB")));
}

#[test]
fn a_place_that_cannot_be_written_is_a_finding_and_the_last_one_runs() {
    // A data partition that isn't there: the folder above is missing.
    let one = Box_::new().with_places();
    one.bring(OLD);
    fs::remove_dir(one.to().parent().unwrap()).unwrap();
    let taken = one.take();
    assert_eq!(taken.end, End::NoSite);
    assert!(errors(&taken)[0].contains("can't be copied"), "{taken:?}");
}

#[test]
fn the_findings_are_left_for_the_page_and_go_when_all_is_well() {
    let one = Box_::new().with_places();
    let file = one.root.path().join("findings.json");
    one.bring(BAD);
    leave(&file, &one.take()).unwrap();
    let told: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!(
        (&told[0]["severity"], &told[0]["file"], &told[0]["line"]),
        (&json!("error"), &json!("tags.yaml"), &json!(2))
    );
    assert!(told[0]["text"].as_str().unwrap().contains("flaot"), "{told}");
    one.bring(OLD);
    leave(&file, &one.take()).unwrap();
    leave(&file, &one.take()).unwrap();
    assert!(!file.exists());
}

#[test]
fn the_gravest_findings_come_first_and_there_is_an_end() {
    let mut findings: Vec<Finding> = (0..FINDINGS_MAX).map(|n| error(Path::new("a.yaml"), n.to_string(), "")).collect();
    findings.iter_mut().for_each(|finding| finding.severity = Severity::Notice);
    findings.push(error(Path::new("b.yaml"), "the one that matters", ""));
    let told: serde_json::Value = serde_json::from_str(&as_json(&findings)).unwrap();
    assert_eq!(told[0]["text"], "the one that matters");
    assert_eq!(told.as_array().unwrap().len(), FINDINGS_MAX + 1);
    assert!(told[FINDINGS_MAX]["text"].as_str().unwrap().starts_with("1 more"));
}
