//! A line on a clock that jumps from event to event, for serial lines at true character times.

use std::time::{Duration, Instant};

use forebay_modbus::{Config, Counters, Do, Master, Report};
use site::{ModbusTag, Rtu};
use tag::Timestamp;

use super::client;

/// The far end of the line, and what the test notes.
pub(crate) trait FarEnd {
    /// A request goes out now. Its answer, if there is one, and when the last of it has come.
    fn hear(&mut self, now: Instant, request: Vec<u8>) -> Option<(Instant, Vec<u8>)>;
    /// The connection was closed.
    fn closed(&mut self, now: Instant);
    /// What the master has told in a step of its own.
    fn told(&mut self, now: Instant, master: &Master, reports: Vec<Report>);
}

/// Polls for so long, and gives what was counted.
pub(crate) fn play(start: Instant, site: Rtu, tags: Vec<ModbusTag>, time: Duration, far: &mut impl FarEnd) -> Counters {
    let config = Config::new(&client(vec![site], tags), &[]).unwrap();
    let mut master = Master::new(config.lines.into_iter().next().unwrap(), start);
    let (mut now, mut answer): (Instant, Option<(Instant, Vec<u8>)>) = (start, None);
    while now - start < time {
        let wall = Timestamp(u64::try_from((now - start).as_micros()).unwrap());
        let what = master.step(now, wall);
        let reports = master.take_reports();
        far.told(now, &master, reports);
        let until = match what {
            Do::Open => {
                master.on_opened(now);
                continue;
            }
            Do::Close => {
                far.closed(now);
                continue;
            }
            Do::Send(bytes) => {
                answer = far.hear(now, bytes).or(answer);
                continue;
            }
            Do::Listen(until) | Do::Wait(until) => until,
        };
        match answer.take_if(|(when, _)| *when <= until.max(now)) {
            Some((when, said)) => {
                now = when;
                master.on_bytes(now, wall, &said);
            }
            None => now = until.max(now + Duration::from_micros(1)),
        }
    }
    master.counters()
}
