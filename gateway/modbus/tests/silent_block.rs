//! A device that says nothing to one read and answers all others: it is there, and only that block is not.

#![allow(clippy::unwrap_used, reason = "a test")]

mod stepped;

use std::time::{Duration, Instant};

use forebay_modbus::{Master, Report, Status, char_time};
use shell::{Clock, SystemClock};
use sim::{Act, Plant};
use site::{Form, Rtu, Transport, WordType};
use stepped::true_time::{FarEnd, play};
use stepped::{at, plc, serial, serial_if, tag_of, tcp};
use tag::Fault;

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);
/// The register it doesn't speak of, from 0.
const MUTE: [u8; 2] = 499_u16.to_be_bytes();

struct Mute {
    plant: Plant,
    /// What a character takes.
    one: Duration,
    start: Instant,
    asked_mute: Vec<Duration>,
    confirmed: Vec<(usize, Duration)>,
    statuses: Vec<Status>,
    faults: Vec<(usize, Fault)>,
}

impl FarEnd for Mute {
    fn hear(&mut self, now: Instant, mut request: Vec<u8>) -> Option<(Instant, Vec<u8>)> {
        let sent = now + self.one * request.len() as u32;
        // Behind the number of the request, its unit and its function.
        let address = if self.one.is_zero() { 8 } else { 2 };
        if request[address..][..2] == MUTE {
            self.asked_mute.push(now - self.start);
            return None;
        }
        let replies = self.plant.hear(0, &mut request).unwrap();
        let said =
            replies.into_iter().find_map(|reply| if let Act::Send(said) = reply.act { Some(said) } else { None })?;
        Some((sent + MS + self.one * said.len() as u32, said))
    }

    fn closed(&mut self, _: Instant) {
        panic!("the connection is well");
    }

    fn told(&mut self, now: Instant, _: &Master, reports: Vec<Report>) {
        for report in reports {
            match report {
                Report::Confirmed { block, .. } => self.confirmed.push((block, now - self.start)),
                Report::Status(status) => self.statuses.push(status),
                Report::Fault { point, because } => self.faults.push((point, because)),
                _ => {}
            }
        }
    }
}

#[test]
fn a_silent_block_is_not_a_dead_unit() {
    for rtu in [tcp, serial] {
        let site = Rtu { rate: 200 * MS, timeout: 300 * MS, ..rtu(Form::Poll) };
        let one = match &site.transport {
            Transport::Rtu(port) => char_time(port),
            _ => Duration::ZERO,
        };
        // The mute one first: it is asked before anything was heard of the unit.
        let tags = [("mute", 500), ("a", 1)].map(|(name, n)| tag_of(name, WordType::Int16, Some(at(n)), None));
        let start = SystemClock.mono();
        let plant = serial_if(rtu, plc()).plant();
        let (asked_mute, confirmed, statuses, faults) = (vec![], vec![], vec![], vec![]);
        let mut far = Mute { plant, one, start, asked_mute, confirmed, statuses, faults };
        let counted = play(start, site, tags.to_vec(), 300 * S, &mut far);
        assert!(far.statuses.iter().all(|status| status.ok), "{:?}", far.statuses);
        assert!(
            far.faults.iter().all(|(point, because)| (*point, *because) == (0, Fault::TimedOut)),
            "{:?}",
            far.faults
        );
        assert!(!far.faults.is_empty(), "and it is said of the block");
        let blocks = [0, 1].map(|block| far.confirmed.iter().filter(|(of, _)| *of == block).count());
        let (alive, mute) = (blocks.into_iter().max().unwrap(), blocks.into_iter().min().unwrap());
        assert!(alive >= 1350 && mute == 0, "{blocks:?} of 1500 polls");
        let late: Vec<&Duration> = far.asked_mute.iter().filter(|at| **at >= 100 * S).collect();
        match one.is_zero() {
            // On a serial line it costs a tenth at most. All else that is asked is 15 characters and a millisecond: the
            // other block, and after each lost answer something that can't be mistaken for it.
            false => {
                let polls = (15 * one + 2 * MS) * u32::try_from(counted.requests).unwrap();
                assert!(counted.busy <= 300 * S / 10 + polls, "{counted:?}");
            }
            // Over TCP nobody is kept waiting, and it is soon heard should it speak.
            true => assert!(late.windows(2).all(|two| *two[1] - *two[0] <= 900 * MS), "{late:?}"),
        }
        assert!(late.len() >= 40, "and it is asked: {}", late.len());
    }
}
