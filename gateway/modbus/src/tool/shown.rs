//! What a display says, as a person reads it off; and letters in registers.

/// Two registers at least: one that holds two letters is no news.
const LETTERS_MIN: usize = 2;

/// The number at the front of what a display says, with a point before its decimals and nothing else in it: `1,234.5 kW`
/// is 1234.5, `230,4` is 230.4. `None`: it doesn't begin with a number.
pub(super) fn number(shown: &str) -> Option<String> {
    let shown = shown.trim();
    let end = shown.find(|c: char| !(c.is_ascii_digit() || "+-.,".contains(c))).unwrap_or(shown.len());
    let (number, unit) = shown.split_at(end);
    // 2e5 is a number in another spelling, 12AB a serial number, 12 V and 12.5kW what a display says.
    let is_unit = unit.trim_start().chars().all(|c| !c.is_ascii_digit()) && unit.trim_start().chars().count() <= 6;
    if !is_unit || !number.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let point = number.rfind(['.', ',']);
    let decimals = |at: usize| at == point.unwrap_or(usize::MAX);
    let plain = number.char_indices().filter_map(|(at, c)| match c {
        '.' | ',' => decimals(at).then_some('.'),
        '+' => None,
        other => Some(other),
    });
    Some(plain.collect())
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
