//! "Did you mean": the nearest of the names that would have been right.

/// The longest name worth comparing: a tag name has at most 255 bytes, and a typo is found in far fewer.
const NAME_CHARS_MAX: usize = 64;

/// The candidate that a slip of the fingers turns into `word`, if one is near enough.
pub(crate) fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.trim().to_lowercase();
    let word: Vec<char> = lower.chars().take(NAME_CHARS_MAX + 1).collect();
    if word.is_empty() || word.len() > NAME_CHARS_MAX {
        return None;
    }
    // A third of the letters may be wrong; in very short words one.
    let mut limit = (word.len() / 3).max(1);
    let mut best = None;
    for candidate in candidates {
        // Lengths first: it spares nearly all of the work in a site of 60,000 tags.
        if candidate.len() > 4 * NAME_CHARS_MAX || candidate.chars().count().abs_diff(word.len()) > limit {
            continue;
        }
        let other: Vec<char> = candidate.to_lowercase().chars().collect();
        let Some(distance) = distance(&word, &other, limit) else { continue };
        // Of words that share no letter in place none is a typo of the other.
        let alike = word.iter().zip(&other).any(|(a, b)| a == b) || distance < word.len().max(other.len()) / 2;
        if alike && (distance < limit || best.is_none()) {
            (best, limit) = (Some(candidate), distance);
            if distance == 0 {
                break;
            }
        }
    }
    best
}

/// `did you mean "x"?`, if there is a near one.
pub(crate) fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    closest(word, candidates).map(|candidate| format!("did you mean \"{candidate}\"?"))
}

/// Insertions, deletions, replacements and swaps of neighbours between two words; `None` when more than `limit`.
fn distance(a: &[char], b: &[char], limit: usize) -> Option<usize> {
    let (mut before, mut last): (Vec<usize>, Vec<usize>) = (Vec::new(), (0..=b.len()).collect());
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        if row.iter().min().is_some_and(|least| *least > limit) {
            return None;
        }
        (before, last) = (last, row);
    }
    last.last().copied().filter(|distance| *distance <= limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_typo_and_nothing_far_fetched() {
        let keys = ["desc", "type", "multi", "min", "max", "deadband", "units", "dp", "init"];
        for (typo, meant) in [
            ("deadbnd", Some("deadband")),
            ("Deadband", Some("deadband")),
            ("daedband", Some("deadband")),
            ("unit", Some("units")),
            ("tpye", Some("type")),
            ("mix", Some("min")),
            ("colour", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(closest(typo, keys), meant, "{typo}");
        }
        assert_eq!(closest("cdba", ["abcd", "cdab", "badc", "dcba"]), Some("cdab"));
        assert_eq!(closest(&"x".repeat(100_000), keys), None);
    }
}
