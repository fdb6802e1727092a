//! `forebay claim-code`: the code that admits a browser to a box nobody has claimed.

use std::process::ExitCode;

use crate::args;
use crate::fail::Failure;

/// Prints the code of a file, making it first when asked.
#[cfg(feature = "www")]
pub(crate) fn claim_code(args: &args::ClaimCode) -> Result<ExitCode, Failure> {
    let code = match www::ClaimCode::read(&args.file) {
        Ok(code) => code,
        Err(error) if args.make => {
            if !error.is_not_there() {
                // A box nobody can claim helps nobody; whoever stands before it sees the new one.
                log::warn!("making a new claim code: {}", crate::fail::chain(&error));
            }
            let code = www::ClaimCode::random().map_err(|error| Failure::work(&error))?;
            code.write(&args.file).map_err(|error| Failure::work(&error))?;
            code
        }
        Err(error) => return Err(Failure::config(&error)),
    };
    if !args.unless.as_ref().is_some_and(|claimed| claimed.exists()) {
        crate::say::line(&code.shown());
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints the code of a file.
#[cfg(not(feature = "www"))]
pub(crate) fn claim_code(_: &args::ClaimCode) -> Result<ExitCode, Failure> {
    Err(Failure::Config("this build has no page".into()))
}

#[cfg(all(test, feature = "www"))]
mod tests {
    use super::*;

    fn make(folder: &std::path::Path, make: bool) -> Result<ExitCode, Failure> {
        claim_code(&args::ClaimCode { file: folder.join("claim-code"), make, unless: Some(folder.join("claimed")) })
    }

    #[test]
    fn a_code_is_made_once_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("claim-code");
        assert!(matches!(make(folder.path(), false), Err(Failure::Config(_))), "none is made unasked");
        make(folder.path(), true).unwrap();
        let first = std::fs::read_to_string(&file).unwrap();
        assert_eq!(first.trim().len(), 9, "{first}");
        make(folder.path(), true).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), first, "a label was printed with it");
        std::fs::write(&file, "half a").unwrap();
        assert!(make(folder.path(), false).is_err());
        make(folder.path(), true).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap().trim().len(), 9);
        assert!(make(&folder.path().join("missing"), true).is_err());
    }
}
