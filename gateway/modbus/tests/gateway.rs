//! Units behind one TCP gateway, some of them dead, on a clock that jumps from event to event: what the dead cost the
//! living, and how soon one that is back is heard.

#![allow(clippy::unwrap_used, reason = "a test")]

mod behind;
mod stepped;

use std::time::Duration;

use behind::{ANSWER, Gateway, MS, Manner, RATE, S};
use tag::Fault;

/// What keeping the promise of a return costs at most: whoever is dead, asked once in a period and 0.7 s.
fn promised(dead: u32, each: Duration) -> f64 {
    (each * dead).as_secs_f64() / (RATE + 700 * MS).as_secs_f64()
}

#[test]
fn all_dead_units_behind_a_gateway_together_cost_a_tenth_of_its_time() {
    // The last: what a gateway that keeps everybody waiting costs where the promise of a return comes first, as long as
    // the living leave that time; and where they can't both be kept a tenth again.
    for (manner, dead, most) in [
        (Manner::Passes, 1, 0.1),
        (Manner::Passes, 5, 0.1),
        (Manner::Waits(150 * MS), 1, 0.1),
        (Manner::Says(150 * MS), 1, 0.1),
        (Manner::Says(500 * MS), 1, promised(1, 500 * MS)),
        (Manner::Waits(800 * MS), 1, promised(1, S)),
        (Manner::Waits(150 * MS), 5, promised(5, 150 * MS)),
        (Manner::Says(500 * MS), 5, 0.1),
        (Manner::Waits(800 * MS), 5, 0.1),
    ] {
        let mut gateway = Gateway::new(3 + dead, &[1, 2, 3], S, manner, 1);
        gateway.run(60 * S);
        let (began, lost) = (gateway.elapsed(), gateway.lost);
        let vain = gateway.master.counters().in_vain;
        gateway.run(600 * S);
        let share = (gateway.lost - lost).as_secs_f64() / 600.0;
        let counted = (gateway.master.counters().in_vain - vain).as_secs_f64() / 600.0;
        eprintln!("{manner:?}, {dead} dead: {:.2} % of the line lost, {:.2} % counted", share * 100.0, counted * 100.0);
        assert!(share <= most * 1.05, "{manner:?}, {dead} dead: {share:.4} of the line's time");
        assert!((0.05..=most * 1.05).contains(&counted), "{manner:?}, {dead} dead: {counted:.4} is said");
        for block in 0..3 {
            let polls = gateway.confirmed.iter().filter(|(at, of)| *at > began && *of == block).count();
            // A wait of a whole period now and then swallows a poll.
            let least = if manner == Manner::Waits(800 * MS) { 560 } else { 590 };
            assert!(polls >= least, "{manner:?}, {dead} dead: block {block} was read {polls} times in 600 s");
        }
        let asked = |unit| gateway.asked.iter().filter(|(at, of)| *at > began && *of == unit).count();
        let each: Vec<usize> = (4..4 + dead).map(asked).collect();
        assert!(each.iter().max().unwrap() - each.iter().min().unwrap() <= 1, "in turns: {each:?}");
        let because =
            if matches!(manner, Manner::Says(_)) { Fault::Refused(tag::ExceptionCode(11)) } else { Fault::TimedOut };
        assert!(gateway.faults.contains(&because), "{:?}", gateway.faults);
    }
}

#[test]
fn a_unit_behind_a_gateway_is_heard_again_within_a_poll_and_a_second() {
    // Whatever the gateway does meanwhile, whatever the timeout up to a second, and with others dead as far as can be.
    for (manner, timeout, dead) in [
        (Manner::Passes, S, 1),
        (Manner::Passes, 200 * MS, 1),
        (Manner::Passes, S, 8),
        (Manner::Waits(200 * MS), 200 * MS, 1),
        (Manner::Waits(400 * MS), 400 * MS, 1),
        (Manner::Waits(400 * MS), 400 * MS, 2),
        (Manner::Waits(S), S, 1),
        (Manner::Says(100 * MS), 200 * MS, 1),
        (Manner::Says(150 * MS), S, 1),
        (Manner::Says(700 * MS), S, 1),
    ] {
        let mut gateway = Gateway::new(2 + dead, &[1, 2, 3], timeout, manner, 1);
        gateway.run(30 * S);
        let worst = gateway.recovery(3);
        eprintln!("{manner:?}, timeout {timeout:?}, {dead} dead: heard again after {worst:?} at worst");
        // And what is under way on the gateway's line when its turn comes.
        let bound = RATE + S + 3 * ANSWER;
        assert!(worst <= bound, "{manner:?}, timeout {timeout:?}, {dead} dead: {worst:?}");
    }
}

/// Where a tenth stretches it, because there are too many dead, the status says for how long, and that is true.
#[test]
fn where_the_cap_stretches_a_return_the_status_says_so() {
    for (manner, dead) in [
        (Manner::Waits(S), 2),
        (Manner::Says(700 * MS), 3),
        (Manner::Says(300 * MS), 8),
        (Manner::Says(500 * MS), 5),
        (Manner::Says(900 * MS), 3),
        (Manner::Says(990 * MS), 2),
        (Manner::Passes, 60),
    ] {
        let mut gateway = Gateway::new(2 + dead, &[1, 2, 3], S, manner, 1);
        gateway.run(300 * S);
        let worst = gateway.recovery(3);
        gateway.living.retain(|unit| *unit != 3);
        gateway.run(60 * S);
        let why = &gateway.status.as_ref().unwrap().why;
        let (_, said) = why.split_once("; a return is seen within ").unwrap_or_else(|| panic!("{why}"));
        let said: u64 = said.trim_end_matches(" s").parse().unwrap();
        eprintln!("{manner:?}, {dead} dead: heard again after {worst:?} at worst, said are {said} s");
        assert!(worst <= Duration::from_secs(said), "{manner:?}, {dead} dead: {worst:?}, but {why}");
        assert!(worst * 2 >= Duration::from_secs(said), "and it isn't said for nothing: {worst:?}, {why}");
    }
}

/// A start at which most units don't answer: the others are polled all the same.
#[test]
fn while_the_dead_are_being_found_out_the_living_are_polled() {
    let mut gateway = Gateway::new(42, &[1, 2], S, Manner::Waits(S), 1);
    gateway.run(100 * S);
    let when = |of| gateway.confirmed.iter().filter(move |(_, block)| *block == of).map(|(at, _)| *at);
    for block in 0..2 {
        let times: Vec<Duration> = when(block).collect();
        let longest = times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
        eprintln!("block {block}: {} polls, {longest:?} apart at most", times.len());
        // Nearly each period, though a wait for one that is silent takes as long; a few times more than one, until it is
        // found out that the gateway keeps everybody waiting.
        assert!(times.len() >= 80 && longest <= 5 * S, "block {block}: {times:?}");
    }
    let asked = gateway.asked.iter().filter(|(at, unit)| *at < 90 * S && *unit > 2).count();
    assert!(asked >= 80, "and all the others are asked twice: {asked}");
}

/// Everybody is dead and the gateway says so: it is not hung up on, and whoever comes back is heard at once.
#[test]
fn a_gateway_that_says_that_nobody_answers_is_not_hung_up_on() {
    let mut gateway = Gateway::new(3, &[1, 2, 3], S, Manner::Says(100 * MS), 1);
    gateway.run(10 * S);
    gateway.living.clear();
    gateway.run(60 * S);
    assert!(!gateway.status.as_ref().unwrap().ok);
    gateway.living = vec![2];
    let (back, before) = (gateway.elapsed(), gateway.heard.len());
    while gateway.heard.len() == before {
        gateway.run(5 * MS);
    }
    assert!(gateway.elapsed() - back < 500 * MS, "{:?}", gateway.elapsed() - back);
}

/// With several requests at a time a dead unit keeps one place of them, which costs the line so much less.
#[test]
fn a_pipeline_carries_its_dead_more_easily() {
    let mut gateway = Gateway::new(6, &[1, 2, 3], S, Manner::Passes, 4);
    gateway.run(60 * S);
    let vain = gateway.master.counters().in_vain;
    gateway.run(300 * S);
    let counted = (gateway.master.counters().in_vain - vain).as_secs_f64() / 300.0;
    assert!(counted <= 0.105, "{counted:.4}");
    let worst = gateway.recovery(3);
    eprintln!("four at a time, four dead: heard again after {worst:?} at worst");
    assert!(worst <= RATE + S, "{worst:?}");
}
