//! The site that `forebay init DIR` writes: small, commented, and free of findings.

const FILES: [(&str, &str); 5] = [
    ("bus.yaml", include_str!("starter/bus.yaml")),
    ("tags.yaml", include_str!("starter/tags.yaml")),
    ("modbusclient.yaml", include_str!("starter/modbusclient.yaml")),
    ("history.yaml", include_str!("starter/history.yaml")),
    ("wwwserver.yaml", include_str!("starter/wwwserver.yaml")),
];

/// The files of a site to start from, name and text. The site's name is the heading of its first page.
pub fn starter(site_name: &str) -> Vec<(&'static str, String)> {
    // In single quotes nothing but the quote itself means anything to YAML; line breaks would.
    let name: String = site_name.chars().filter(|c| !c.is_control()).take(80).collect();
    let name = if name.trim().is_empty() { "My site".to_owned() } else { name.trim().replace('\'', "''") };
    FILES.iter().map(|(file, text)| (*file, text.replace("@SITE@", &name))).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::load_files;

    #[test]
    fn passes_its_own_check_without_a_word_whatever_the_site_is_called() {
        for name in ["Pump station", "", "it's: #1", "%&*{", "__DIR__x", "a\nb", "${HOME}", "Grüße 水"] {
            let files: Vec<_> =
                starter(name).into_iter().map(|(file, text)| (file.into(), text.into_bytes())).collect();
            let loaded = load_files(Path::new("new"), &files, &|_| None);
            let odd = name.contains("__DIR__") || name.contains("${");
            assert!(odd || loaded.findings.is_empty(), "{name}: {:#?}", loaded.findings);
            assert!(odd || loaded.site.unwrap().www.unwrap().pages.len() == 2);
        }
    }
}
