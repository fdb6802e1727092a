//! Connections: what of them can't be, and which requests their tags make.

use std::path::PathBuf;
use std::time::Duration;

use site::{Area, Form, ModbusClient, Rtu, Table, Transport};
use tag::TagName;

use super::{LineBlock, LineConfig, Point};
use crate::error::ConfigError;
use crate::master::char_time;
use crate::memory::Learned;
use crate::plan::{self, Block, Want};

pub(super) fn check_lines(client: &ModbusClient) -> Result<(), ConfigError> {
    let mut ports: Vec<&PathBuf> = Vec::new();
    for (n, rtu) in client.rtus.iter().enumerate() {
        let name = || rtu.name.clone();
        if client.rtus[..n].iter().any(|other| other.name == rtu.name) {
            return Err(ConfigError::LineTwice { line: name() });
        }
        if TagName::parse(&format!("sys.modbus.{}.exceptions", rtu.name)).is_err() {
            return Err(ConfigError::LineName { line: name() });
        }
        if rtu.rate.is_zero() || rtu.timeout.is_zero() {
            return Err(ConfigError::Times { line: name() });
        }
        let past_end = |area: &Area| area.count == 0 || u32::from(area.start) + area.count > 0x1_0000;
        if rtu.reads.iter().chain(&rtu.writes).any(past_end) {
            return Err(ConfigError::Area { line: name() });
        }
        if rtu.writes.iter().any(|area| !matches!(area.table, Table::Coils | Table::HoldingRegisters)) {
            return Err(ConfigError::ReadOnlyArea { line: name() });
        }
        if rtu.transport.is_rtu() && rtu.writes.iter().any(|area| area.unit == 0) {
            return Err(ConfigError::BroadcastArea { line: name() });
        }
        if let Transport::Rtu(serial) = &rtu.transport {
            if ports.contains(&&serial.path) {
                return Err(ConfigError::PortTwice { line: name(), path: serial.path.clone() });
            }
            ports.push(&serial.path);
        }
    }
    Ok(())
}

pub(super) fn line_of(rtu: &Rtu, points: Vec<Point>, learned: Learned) -> LineConfig {
    // In the area form, what is written is driven with its area; everything else is read.
    let driven = |point: &Point| rtu.form == Form::Areas && point.write.is_some();
    let (outputs, inputs): (Vec<usize>, Vec<usize>) = (0..points.len()).partition(|n| driven(&points[*n]));
    let wants = |of: &[usize]| of.iter().map(|n| points[*n].read.want()).collect::<Vec<_>>();
    let measured = |unit| learned.bridges.iter().find(|known| known.unit == unit).map(|known| known.words);
    let bridge = |unit| match &rtu.transport {
        Transport::Rtu(serial) => plan::rtu_bridge_words(char_time(serial)),
        _ => measured(unit).unwrap_or(plan::TCP_BRIDGE_WORDS).min(plan::READ_WORDS_MAX),
    };
    let max = rtu.max_words.into();
    let (areas, lonely) = plan::plan_areas(&wants(&outputs), &rtu.writes);
    // An output outside every area is driven all the same, with nothing around it.
    let lonely: Vec<usize> = lonely.into_iter().map(|n| outputs[n]).collect();
    let spans = plan::plan_reads(&wants(&lonely), &[], |_| 0, max).into_iter();
    let spans = spans.map(|b| Area { unit: b.unit, table: b.table, start: b.start, count: b.count.into() });
    let (lone, _) = plan::plan_areas(&wants(&lonely), &spans.collect::<Vec<_>>());
    let reads = reads_of(&points, inputs, |wants| plan::plan_reads(wants, &rtu.reads, bridge, max));
    let block = |block: Block, of: &[usize], driven| LineBlock {
        rate: rtu.rate,
        unit: block.unit,
        table: block.table,
        start: block.start,
        count: block.count,
        points: block.wants.into_iter().map(|n| of[n]).collect(),
        driven,
    };
    let blocks = reads
        .into_iter()
        .chain(areas.into_iter().map(|b| block(b, &outputs, true)))
        .chain(lone.into_iter().map(|b| block(b, &lonely, true)))
        .collect();
    let (name, transport) = (rtu.name.clone(), rtu.transport.clone());
    LineConfig {
        name,
        transport,
        rate: rtu.rate,
        timeout: rtu.timeout,
        gap: rtu.gap,
        pipeline: if rtu.transport.is_rtu() { 1 } else { rtu.pipeline.into() },
        write_read: rtu.write_read,
        learned,
        blocks,
        points,
    }
}

/// The reads of each rate, the fastest first: what a faster read fetches anyway is not read again more slowly.
fn reads_of(points: &[Point], inputs: Vec<usize>, plan: impl Fn(&[Want]) -> Vec<Block>) -> Vec<LineBlock> {
    let mut rates: Vec<Duration> = inputs.iter().map(|n| points[*n].rate).collect();
    rates.sort_unstable();
    rates.dedup();
    let mut blocks: Vec<LineBlock> = Vec::new();
    for rate in rates {
        let mut own: Vec<usize> = Vec::new();
        for n in inputs.iter().copied().filter(|n| points[*n].rate == rate) {
            let spot = &points[n].read;
            let holds = |block: &&mut LineBlock| {
                let (first, end) = (u32::from(block.start), u32::from(block.start) + u32::from(block.count));
                let here = u32::from(spot.start);
                (block.unit, block.table) == (spot.unit, spot.table)
                    && (first..end).contains(&here)
                    && here + u32::from(spot.count()) <= end
            };
            match blocks.iter_mut().find(holds) {
                Some(block) => block.points.push(n),
                None => own.push(n),
            }
        }
        let wants: Vec<Want> = own.iter().map(|n| points[*n].read.want()).collect();
        blocks.extend(plan(&wants).into_iter().map(|block| LineBlock {
            unit: block.unit,
            table: block.table,
            start: block.start,
            count: block.count,
            points: block.wants.into_iter().map(|n| own[n]).collect(),
            driven: false,
            rate,
        }));
    }
    for block in &mut blocks {
        block.points.sort_by_key(|n| (points[*n].read.start, points[*n].read.count()));
    }
    blocks
}
