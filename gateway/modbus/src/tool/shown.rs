//! What a display says, as a person reads it off; and letters in registers.

/// Two registers at least: one that holds two letters is no news.
const LETTERS_MIN: usize = 2;

/// A number as a display shows it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Number {
    pub(super) is: f64,
    /// What one more in its last digit would be.
    pub(super) step: f64,
}

/// The number at the front of what a display says: `1,234.5 kW` is 1234.5, `230,4` is 230.4, `1.234.567` is a million and
/// more, and so is `1.2e6`. `None`: it doesn't begin with a number.
pub(super) fn number(shown: &str) -> Option<Number> {
    let shown = shown.trim().replace('\u{2212}', "-");
    let end = shown.find(|c: char| !(c.is_ascii_digit() || "+-.,".contains(c))).unwrap_or(shown.len());
    let (number, rest) = shown.split_at(end);
    let (exponent, unit) = exponent(rest).unwrap_or((0, rest));
    let (plain, decimals) = plain(number)?;
    let is = format!("{plain}e{exponent}").parse().ok().filter(|is: &f64| is.is_finite())?;
    is_unit(unit).then(|| Number { is, step: 10f64.powi(exponent - decimals) })
}

/// What follows a number: nothing, `V`, ` m3/h`. 12AB is what a display says, 12AB34 and 12 34 a serial number.
fn is_unit(unit: &str) -> bool {
    let letters = unit.trim_start();
    let digits = letters.contains(|c: char| c.is_ascii_digit());
    let apart = letters.len() < unit.len() && !letters.starts_with(|c: char| c.is_ascii_digit());
    (!digits || apart) && letters.chars().count() <= 6
}

/// `e6 V` is 6, and ` V` follows it.
fn exponent(rest: &str) -> Option<(i32, &str)> {
    let rest = rest.strip_prefix(['e', 'E'])?;
    let digits = rest.strip_prefix(['+', '-']).unwrap_or(rest);
    let unit = digits.trim_start_matches(|c: char| c.is_ascii_digit());
    let power = rest[..rest.len() - unit.len()].parse().ok().filter(|power: &i32| power.abs() < 100)?;
    Some((power, unit))
}

/// With a point before its decimals and nothing else in it, and how many decimals it has. The last of its points and
/// commas is before decimals, unless it stands there several times: then there are thousands behind each.
fn plain(number: &str) -> Option<(String, i32)> {
    let last = number.rfind(['.', ',']);
    let thousands = last.is_some_and(|last| {
        let mark = &number[last..=last];
        number.matches(mark).count() > 1 && number.split(mark).skip(1).all(|group| group.len() == 3)
    });
    let point = last.filter(|_| !thousands);
    // 1.2.3 is a version.
    if point.is_some_and(|at| number[..at].contains(&number[at..=at])) {
        return None;
    }
    let digits = |text: &str| text.replace(['.', ',', '+'], "");
    let decimals = point.map_or("", |at| &number[at + 1..]);
    let text = format!("{}.{decimals}", digits(&number[..point.unwrap_or(number.len())]));
    text.contains(|c: char| c.is_ascii_digit()).then_some((text, i32::try_from(decimals.len()).unwrap_or(0)))
}

/// Spans of registers that hold letters, perhaps with zeros behind them: where each begins, and how many registers.
/// `swapped`: the first letter of a register is its low byte.
pub(super) fn letters(words: &[u16], swapped: bool) -> Vec<(usize, u16)> {
    let (mut spans, mut at) = (Vec::new(), 0);
    while at < words.len() {
        let (mut count, mut ended) = (0, false);
        for word in &words[at..] {
            let [first, second] = if swapped { word.to_le_bytes() } else { word.to_be_bytes() };
            let good = match (is_letter(first), is_letter(second)) {
                (true, true) => !ended,
                (true, false) => second == 0 && !std::mem::replace(&mut ended, true),
                _ => false,
            };
            if !good {
                break;
            }
            count += 1;
        }
        if count >= LETTERS_MIN {
            spans.push((at, u16::try_from(count).unwrap_or(u16::MAX)));
        }
        at += count.max(1);
    }
    spans
}

fn is_letter(byte: u8) -> bool {
    byte == b' ' || byte.is_ascii_graphic()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What people read off displays: with the decimals and thousands of their country, powers of ten, and units.
    #[test]
    fn numbers_as_displays_show_them() {
        let is = |is, step| Some(Number { is, step });
        let table = [
            ("230.4", is(230.4, 0.1)),
            ("230,40 V", is(230.4, 0.01)),
            ("+7", is(7.0, 1.0)),
            ("-10,5 °C", is(-10.5, 0.1)),
            ("\u{2212}105", is(-105.0, 1.0)),
            (".5", is(0.5, 0.1)),
            ("12.", is(12.0, 1.0)),
            ("1,234.5 kW", is(1234.5, 0.1)),
            ("1.234,5", is(1234.5, 0.1)),
            ("123,456", is(123.456, 0.001)),
            ("1.234.567", is(1_234_567.0, 1.0)),
            ("1,234,567 kWh", is(1_234_567.0, 1.0)),
            ("1.234.567,8", is(1_234_567.8, 0.1)),
            ("1.5e6", is(1_500_000.0, 100_000.0)),
            ("1,5E-3 mA", is(0.0015, 0.0001)),
            ("12.5 m3/h", is(12.5, 0.1)),
            ("230,4 kWh/m3", is(230.4, 0.1)),
            ("12kW", is(12.0, 1.0)),
            ("12AB34", None),
            ("12 34", None),
            ("1.2.3", None),
            ("10.0.0.1", None),
            ("5e999", None),
            ("1-2", None),
            ("", None),
            ("-", None),
            (".", None),
            ("V", None),
            ("nan", None),
            ("2e", is(2.0, 1.0)),
        ];
        for (shown, number_is) in table {
            let found = number(shown);
            let near = |a: f64, b: f64| (a - b).abs() <= b.abs() * 1e-9;
            let same = match (found, number_is) {
                (Some(found), Some(wanted)) => near(found.is, wanted.is) && near(found.step, wanted.step),
                (found, wanted) => found == wanted,
            };
            assert!(same, "{shown:?}: {found:?}, not {number_is:?}");
        }
    }
}
