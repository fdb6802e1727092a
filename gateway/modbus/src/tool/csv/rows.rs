//! The text of a CSV file as rows of cells, and a cell as text.

/// What stands in one line of the file, or in several when a cell has line breaks.
#[derive(Debug, PartialEq)]
pub(super) enum Line {
    /// Behind a `#` at its beginning.
    Remark(String),
    Cells(Vec<String>),
}

/// Lines that are not empty, each with the number of its first. Commas, or semicolons where the first line of cells has more
/// of them; quotes as in RFC 4180.
pub(super) fn rows(text: &str) -> Vec<(usize, Line)> {
    let is_head = |line: &&str| !line.trim().is_empty() && !line.starts_with('#');
    let first = text.lines().find(is_head).unwrap_or("");
    let comma = if first.matches(';').count() > first.matches(',').count() { ';' } else { ',' };
    let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
    let (mut quotes, mut at, mut began, mut fresh) = (false, 1, 1, true);
    let mut letters = text.chars().peekable();
    while let Some(c) = letters.next() {
        at += usize::from(c == '\n');
        if fresh && c == '#' {
            let remark: String = std::iter::from_fn(|| letters.next_if(|c| *c != '\n')).collect();
            rows.push((at, Line::Remark(remark)));
            letters.next();
            at += 1;
            began = at;
            continue;
        }
        fresh = false;
        match c {
            '"' if quotes && letters.peek() == Some(&'"') => {
                letters.next();
                cell.push('"');
            }
            '"' => quotes = !quotes,
            _ if quotes => cell.push(c),
            _ if c == comma => row.push(std::mem::take(&mut cell)),
            '\n' => {
                row.push(std::mem::take(&mut cell));
                rows.push((began, Line::Cells(std::mem::take(&mut row))));
                (began, fresh) = (at, true);
            }
            '\r' => {}
            _ => cell.push(c),
        }
    }
    if !cell.is_empty() || !row.is_empty() {
        row.push(cell);
        rows.push((began, Line::Cells(row)));
    }
    for (_, line) in &mut rows {
        let texts = match line {
            Line::Remark(text) => std::slice::from_mut(text),
            Line::Cells(cells) => &mut cells[..],
        };
        texts.iter_mut().for_each(|text| *text = printable(text));
    }
    let is_empty = |line: &Line| matches!(line, Line::Cells(cells) if cells.iter().all(String::is_empty));
    rows.retain(|(_, line)| !is_empty(line));
    rows
}

/// The text with a blank for what can't be printed or ends a line, and none around it.
fn printable(text: &str) -> String {
    let odd = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}');
    text.replace(odd, " ").trim().to_owned()
}

/// One row as a line.
pub(super) fn line(cells: &[String]) -> String {
    let cells: Vec<String> = cells.iter().enumerate().map(|(n, cell)| written(cell, n == 0)).collect();
    format!("{}\n", cells.join(","))
}

fn written(cell: &str, first: bool) -> String {
    match cell.contains([',', '"', '\n', '\r', ';']) || first && cell.starts_with('#') {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.to_owned(),
    }
}
