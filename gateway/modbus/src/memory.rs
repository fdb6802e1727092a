//! What was learned of devices and is remembered over restarts: which parts of a block they refuse, which ways of
//! writing they lack, how long a hole is worth reading over. A text of one line each; what doesn't fit the site any more is forgotten.

use site::Table;

/// More lines than a site has blocks; a file that is longer isn't ours.
const LINES_MAX: usize = 10_000;

/// Of one block: which of its atoms are read together, and which are refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LearnedBlock {
    /// Unit id.
    pub unit: u8,
    /// Which table.
    pub table: Table,
    /// First address.
    pub start: u16,
    /// How many.
    pub count: u16,
    /// First atom, the one behind the last, refused.
    pub runs: Vec<(usize, usize, bool)>,
}

/// Of one unit: how it can't be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LearnedForms {
    /// Unit id.
    pub unit: u8,
    /// It has no masked write.
    pub no_mask: bool,
    /// It has no write of a single register or coil.
    pub multiple_only: bool,
}

/// Of one unit behind a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LearnedBridge {
    /// Unit id.
    pub unit: u8,
    /// The longest hole that costs less than a second request.
    pub words: u32,
}

/// Of one line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Learned {
    /// Blocks that are not read whole.
    pub blocks: Vec<LearnedBlock>,
    /// Units that lack a way of writing.
    pub forms: Vec<LearnedForms>,
    /// Units whose answer times told what a register costs.
    pub bridges: Vec<LearnedBridge>,
}

impl Learned {
    pub(crate) fn forms_of(&self, unit: u8) -> Option<&LearnedForms> {
        self.forms.iter().find(|forms| forms.unit == unit)
    }

    /// As text, each line with the line's name.
    pub fn to_text(&self, line: &str) -> String {
        let mut out = String::new();
        for block in &self.blocks {
            let runs: Vec<String> = block
                .runs
                .iter()
                .map(|(first, end, refused)| format!("{first}-{end}{}", if *refused { "!" } else { "" }))
                .collect();
            let (unit, table, start, count) = (block.unit, number(block.table), block.start, block.count);
            out.push_str(&format!("block\t{line}\t{unit}\t{table}\t{start}\t{count}\t{}\n", runs.join(" ")));
        }
        for forms in &self.forms {
            let (no_mask, multiple) = (u8::from(forms.no_mask), u8::from(forms.multiple_only));
            out.push_str(&format!("forms\t{line}\t{}\t{no_mask}\t{multiple}\n", forms.unit));
        }
        for bridge in &self.bridges {
            out.push_str(&format!("bridge\t{line}\t{}\t{}\n", bridge.unit, bridge.words));
        }
        out
    }

    /// What the text says of a line. What can't be read says nothing.
    pub fn from_text(text: &str, line: &str) -> Self {
        let mut learned = Self::default();
        for words in text.lines().take(LINES_MAX).map(|text| text.split('\t').collect::<Vec<_>>()) {
            match words[..] {
                ["block", of, unit, table, start, count, runs] if of == line => {
                    learned.blocks.extend(block(unit, table, start, count, runs));
                }
                ["forms", of, unit, no_mask, multiple] if of == line => {
                    let Ok(unit) = unit.parse() else { continue };
                    let (no_mask, multiple_only) = (no_mask == "1", multiple == "1");
                    learned.forms.push(LearnedForms { unit, no_mask, multiple_only });
                }
                ["bridge", of, unit, words] if of == line => {
                    let (Ok(unit), Ok(words)) = (unit.parse(), words.parse()) else { continue };
                    learned.bridges.push(LearnedBridge { unit, words });
                }
                _ => {}
            }
        }
        learned
    }
}

fn block(unit: &str, table: &str, start: &str, count: &str, runs: &str) -> Option<LearnedBlock> {
    let run = |text: &str| {
        let (span, refused) = text.strip_suffix('!').map_or((text, false), |span| (span, true));
        let (first, end) = span.split_once('-')?;
        Some((first.parse().ok()?, end.parse().ok()?, refused))
    };
    Some(LearnedBlock {
        unit: unit.parse().ok()?,
        table: match table {
            "0" => Table::Coils,
            "1" => Table::DiscreteInputs,
            "3" => Table::InputRegisters,
            "4" => Table::HoldingRegisters,
            _ => return None,
        },
        start: start.parse().ok()?,
        count: count.parse().ok()?,
        runs: runs.split(' ').map(run).collect::<Option<_>>()?,
    })
}

fn number(table: Table) -> u8 {
    match table {
        Table::Coils => 0,
        Table::DiscreteInputs => 1,
        Table::InputRegisters => 3,
        Table::HoldingRegisters => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_rubbish_is_nothing() {
        let (unit, table) = (7, Table::InputRegisters);
        let runs = vec![(0, 16, false), (16, 17, true), (17, 40, false)];
        let learned = Learned {
            blocks: vec![LearnedBlock { unit, table, start: 99, count: 40, runs }],
            forms: vec![LearnedForms { unit, no_mask: true, multiple_only: false }],
            bridges: vec![LearnedBridge { unit, words: 12 }],
        };
        let text = learned.to_text("LINE 1");
        assert_eq!(
            text,
            "block\tLINE 1\t7\t3\t99\t40\t0-16 16-17! 17-40\nforms\tLINE 1\t7\t1\t0\nbridge\tLINE 1\t7\t12\n"
        );
        assert_eq!(Learned::from_text(&text, "LINE 1"), learned);
        assert_eq!(Learned::from_text(&text, "LINE 2"), Learned::default());
        assert_eq!(
            Learned::from_text("block\tL\t1\t9\t0\t1\t0-1\nblock\tL\nforms\tL\tx\t1\t1\n\0", "L"),
            Learned::default()
        );
    }
}
