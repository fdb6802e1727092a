//! One binary under many names: `forebay-modbus` is `forebay modbus`.

use std::ffi::OsString;
use std::path::Path;

/// Puts the daemon's name in front when the program was called by it: through a symlink `forebay-modbus`, or by the
/// name alone (`modbusclient`).
pub(crate) fn spell_out(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut args: Vec<OsString> = args.into_iter().collect();
    let called = args.first().map(Path::new).and_then(Path::file_name).and_then(|name| name.to_str());
    let applet = match called {
        None | Some("forebay") => None,
        Some(name) => name.strip_prefix("forebay-").or_else(|| is_daemon(name).then_some(name)).map(OsString::from),
    };
    if let Some(applet) = applet {
        args[0] = "forebay".into();
        args.insert(1, applet);
    }
    args
}

fn is_daemon(name: &str) -> bool {
    matches!(name, "bus" | "modbus" | "modbusclient" | "modbusserver" | "history" | "www" | "wwwserver" | "initvalues")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_words() {
        for (called, spelled) in [
            (&["forebay", "run", "x"][..], &["forebay", "run", "x"][..]),
            (&["/usr/bin/forebay-modbus", "--config", "m.yaml"], &["forebay", "modbus", "--config", "m.yaml"]),
            (&["./forebay-wwwserver"], &["forebay", "wwwserver"]),
            (&["modbusclient"], &["forebay", "modbusclient"]),
            (&["/somewhere/target/debug/deps/forebay"], &["/somewhere/target/debug/deps/forebay"]),
        ] {
            let words = spell_out(called.iter().map(OsString::from));
            assert_eq!(words, spelled.iter().map(OsString::from).collect::<Vec<_>>());
        }
    }
}
