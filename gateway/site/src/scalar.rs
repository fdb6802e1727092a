//! What a plain word of YAML means, in the way of YAML 1.1, on purpose.
//!
//! pymscada reads its files with PyYAML's safe loader, which follows YAML 1.1. So do we where it matters; but here the
//! key decides what is wanted, and a word is only turned into something else where that is expected. "Text" below is a
//! key that takes text (`desc`, `units`, the names in `multi`).
//!
//! | written | PyYAML makes | where text is wanted | where a number is wanted | where yes/no is wanted |
//! |---|---|---|---|---|
//! | `yes no on off true false` (and `Yes`, `YES`) | bool | the word as written | error | true or false |
//! | `y`, `n` | text | as written | error | error |
//! | `12`, `-3`, `+4`, `1_000` | int | as written | the number, `_` left out | error |
//! | `0x1f`, `0b101` | int | as written | 31, 5 | error |
//! | `017` | int 15 | as written | 15, with a warning | error |
//! | `0o17` | text | as written | 15, with a warning | error |
//! | `08` | text | as written | error, with the hint `write 8` | error |
//! | `12:30` | int 750 | as written | 750 (base 60), with a warning | error |
//! | `1.5`, `.5`, `1.`, `1.5e+3` | float | as written | the number | error |
//! | `1e3`, `1.5e3`, `-.5` | text | as written | 1000, 1500, -0.5, with a warning | error |
//! | `190:20:30.15` | float | as written | error | error |
//! | `.inf`, `-.inf`, `.nan` | float | as written | error: a number here is finite | error |
//! | `~`, `null`, `Null`, `NULL`, nothing | None | the key is as good as not there | the same | the same |
//! | `2024-05-01` | date | as written | error | error |
//! | `'12'`, `"yes"`, `!!str 12` | text | as written | error, with the hint to drop the quotes | error |
//! | `${NAME}` | text, replaced when defined | the variable's text | its text, read like a plain word | the same |
//!
//! In free-form mappings that are handed on as JSON (`config`, the `init` of a dict tag) a plain word becomes what
//! PyYAML makes of it, except dates, `0o17` and `1e3`, which stay text in both.

/// What a plain word is for PyYAML, or nearly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Plain {
    /// Nothing.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i128, Spelling),
    /// Any other number; may be infinite or NaN.
    Float(f64, Spelling),
    /// Just text.
    Word,
}

/// Whether a number is spelled so that every reader of YAML takes it for the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// It is.
    Common,
    /// `017`, `0o17`: base 8 for one of YAML 1.1 and 1.2, something else for the other.
    Octal,
    /// `12:30`: base 60 for YAML 1.1.
    Sexagesimal,
    /// `1e3`, `-.5`: a number for YAML 1.2, text for YAML 1.1.
    NotYaml11,
}

/// The longest word that is looked at as a number.
const NUMBER_CHARS_MAX: usize = 128;

/// Reads a plain word.
pub(crate) fn plain(word: &str) -> Plain {
    match word {
        "" | "~" | "null" | "Null" | "NULL" => return Plain::Null,
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => return Plain::Bool(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => return Plain::Bool(false),
        _ => {}
    }
    if word.len() > NUMBER_CHARS_MAX || !word.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.'))
    {
        return Plain::Word;
    }
    let (sign, digits) = match word.as_bytes()[0] {
        b'-' => (-1, &word[1..]),
        b'+' => (1, &word[1..]),
        _ => (1, word),
    };
    int(sign, digits).or_else(|| float(sign, digits.len() < word.len(), digits)).unwrap_or(Plain::Word)
}

/// All of the characters are digits of the base or `_`, and there is a digit.
fn is_number(digits: &str, base: u32) -> bool {
    digits.chars().all(|c| c.is_digit(base) || c == '_') && digits.chars().any(|c| c != '_')
}

fn int(sign: i128, digits: &str) -> Option<Plain> {
    let (base, rest, spelling) = if let Some(rest) = digits.strip_prefix("0x") {
        (16, rest, Spelling::Common)
    } else if let Some(rest) = digits.strip_prefix("0b") {
        (2, rest, Spelling::Common)
    } else if let Some(rest) = digits.strip_prefix("0o") {
        (8, rest, Spelling::Octal)
    } else if digits.len() > 1 && digits.starts_with('0') {
        (8, &digits[1..], Spelling::Octal)
    } else if digits.contains(':') {
        return sexagesimal(digits).map(|n| Plain::Int(sign * n, Spelling::Sexagesimal));
    } else {
        (10, digits, Spelling::Common)
    };
    if !is_number(rest, base) || (base == 10 && rest.starts_with('_')) {
        return None;
    }
    let n = i128::from_str_radix(&rest.replace('_', ""), base).ok()?;
    Some(Plain::Int(sign * n, spelling))
}

/// `12:30:00`: hours, minutes, seconds as one number, the way of YAML 1.1.
fn sexagesimal(digits: &str) -> Option<i128> {
    let mut parts = digits.split(':');
    let first = parts.next().filter(|part| is_number(part, 10) && !part.starts_with(['0', '_']))?;
    let mut n: i128 = first.replace('_', "").parse().ok()?;
    for part in parts {
        let small = part.parse::<u8>().ok().filter(|small| *small < 60 && part.len() <= 2 && !part.starts_with('+'))?;
        n = n.checked_mul(60)?.checked_add(i128::from(small))?;
    }
    Some(n)
}

fn float(sign: i128, signed: bool, digits: &str) -> Option<Plain> {
    let with_sign = |x: f64| if sign < 0 { -x } else { x };
    match digits {
        ".inf" | ".Inf" | ".INF" => return Some(Plain::Float(with_sign(f64::INFINITY), Spelling::Common)),
        ".nan" | ".NaN" | ".NAN" => return Some(Plain::Float(f64::NAN, Spelling::Common)),
        _ => {}
    }
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (digits, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digit_or_line = |part: &str| part.chars().all(|c| c.is_ascii_digit() || c == '_');
    let starts_with_digit = !(whole.starts_with('_') || whole.is_empty() && fraction.starts_with('_'));
    if !digit_or_line(whole) || !digit_or_line(fraction) || !starts_with_digit {
        return None;
    }
    if !whole.chars().chain(fraction.chars()).any(|c| c.is_ascii_digit()) {
        return None;
    }
    // YAML 1.1 knows no sign before a bare point.
    let mut spelling = if signed && whole.is_empty() { Spelling::NotYaml11 } else { Spelling::Common };
    if let Some(exponent) = exponent {
        let bare = exponent.strip_prefix(['+', '-']);
        // YAML 1.1 wants both the point and the sign.
        if bare.is_none() || !mantissa.contains('.') {
            spelling = Spelling::NotYaml11;
        }
        let bare = bare.unwrap_or(exponent);
        if bare.is_empty() || !bare.chars().all(|c| c.is_ascii_digit()) {
            return None;
        }
    } else if !mantissa.contains('.') {
        // `08` and the like: whole numbers were looked at before.
        return None;
    }
    let x = digits.replace('_', "").parse().ok()?;
    Some(Plain::Float(with_sign(x), spelling))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Spelling::*;

    #[test]
    fn reads_words_as_the_table_says() {
        for (word, is) in [
            ("", Plain::Null),
            ("~", Plain::Null),
            ("null", Plain::Null),
            ("nULL", Plain::Word),
            ("yes", Plain::Bool(true)),
            ("Off", Plain::Bool(false)),
            ("y", Plain::Word),
            ("oN", Plain::Word),
            ("12", Plain::Int(12, Common)),
            ("+4", Plain::Int(4, Common)),
            ("-100", Plain::Int(-100, Common)),
            ("1_000", Plain::Int(1000, Common)),
            ("0", Plain::Int(0, Common)),
            ("0x1f", Plain::Int(31, Common)),
            ("0b101", Plain::Int(5, Common)),
            ("017", Plain::Int(15, Octal)),
            ("0o17", Plain::Int(15, Octal)),
            ("08", Plain::Word),
            ("12:30", Plain::Int(750, Sexagesimal)),
            ("1:02:03", Plain::Int(3723, Sexagesimal)),
            ("12:60", Plain::Word),
            ("1.5", Plain::Float(1.5, Common)),
            (".5", Plain::Float(0.5, Common)),
            ("1.", Plain::Float(1.0, Common)),
            ("1.e+100", Plain::Float(1e100, Common)),
            ("-1.e+100", Plain::Float(-1e100, Common)),
            ("1e3", Plain::Float(1000.0, NotYaml11)),
            ("-.5", Plain::Float(-0.5, NotYaml11)),
            ("1.5e3", Plain::Float(1500.0, NotYaml11)),
            ("1e+3", Plain::Float(1000.0, NotYaml11)),
            ("1.5e-3", Plain::Float(0.0015, Common)),
            ("-.inf", Plain::Float(f64::NEG_INFINITY, Common)),
            ("0x", Plain::Word),
            ("4x", Plain::Word),
            ("1.2.3", Plain::Word),
            ("-", Plain::Word),
            (".", Plain::Word),
            ("._", Plain::Word),
            ("._5", Plain::Word),
            ("190:20:30.15", Plain::Word),
            ("_1", Plain::Word),
            ("2024-05-01", Plain::Word),
            ("127.0.0.1", Plain::Word),
        ] {
            assert_eq!(plain(word), is, "{word}");
        }
        assert!(matches!(plain(".nan"), Plain::Float(x, Common) if x.is_nan()));
        assert_eq!(plain(&"9".repeat(200)), Plain::Word);
    }
}
