use std::time::Instant;

use super::*;

const SECOND: u64 = 1_000_000;

const NOTHING: Turns = [None, None];

fn only(turn: Turn) -> Turns {
    [Some(turn), None]
}

fn only2(turn: Turn) -> Turns {
    [None, Some(turn)]
}

/// What time it really is when the machine is switched on.
const BOOT: u64 = 1_790_000_000 * SECOND;

/// What the clocks show `uptime` seconds after the start, when the wall clock is `wrong` seconds ahead.
fn at(uptime: u64, wrong: i64) -> Now {
    let wall = (BOOT + uptime * SECOND).saturating_add_signed(wrong * SECOND as i64);
    Now { mono: mono(), wall: Timestamp(wall), uptime: Uptime(uptime * SECOND) }
}

#[allow(clippy::disallowed_methods, reason = "nothing here looks at it")]
fn mono() -> Instant {
    Instant::now()
}

fn good(uptime: u64) -> Timestamp {
    Timestamp(BOOT + uptime * SECOND)
}

/// No battery: the clock begins in 1970, and a time server answers after a minute.
#[test]
fn what_an_unset_clock_stamps_is_kept_by_the_uptime() {
    let since_1970 = -((BOOT / SECOND) as i64);
    let mut keeper = Timekeeper::new(at(10, since_1970), Trust::Unset, None);
    assert!(!keeper.is_known());
    let now = at(20, since_1970);
    assert_eq!(keeper.on_clock(now, Trust::Unset), NOTHING);
    assert_eq!(keeper.present(now), in_era(1, 20 * SECOND));
    assert_eq!(keeper.place(Timestamp(15 * SECOND), now, Whose::Box), Some(in_era(1, 15 * SECOND)));
    assert_eq!(keeper.place(good(3600), now, Whose::Source), Some(good(3600)), "a forecast knows its time");
    let now = at(60, 0);
    let known = Turn::Known { era: 1, offset: BOOT as i64 };
    assert_eq!(keeper.on_clock(now, Trust::Synchronised), only(known));
    assert_eq!(keeper.place(Timestamp(58 * SECOND), now, Whose::Box), Some(good(58)), "it was on its way");
    assert_eq!(keeper.place(Timestamp(2 * SECOND), now, Whose::Box), Some(good(2)), "the bus repeats what it holds");
    assert_eq!(keeper.place(good(60), now, Whose::Box), Some(good(60)));
}

/// A clock of a battery that runs, but shows less than what was recorded before.
#[test]
fn a_clock_behind_what_it_stamped_is_not_known_until_a_server_says_so() {
    let mut keeper = Timekeeper::new(at(10, -500), Trust::Kept, Some(good(0)));
    assert!(!keeper.is_known());
    assert_eq!(keeper.on_clock(at(20, -500), Trust::Kept), NOTHING);
    assert_eq!(
        keeper.on_clock(at(30, -500), Trust::Synchronised),
        only(Turn::Known { era: 1, offset: BOOT as i64 - 500 * SECOND as i64 }),
        "the server's word counts for more"
    );
}

#[test]
fn a_step_takes_along_what_was_recorded_since_the_start() {
    for wrong in [-7200_i64, 3600, 40_000_000] {
        let mut keeper = Timekeeper::new(at(10, wrong), Trust::Kept, None);
        let (first, last) = (at(10, wrong).wall, at(100, wrong).wall);
        let turn = keeper.on_clock(at(100, 0), Trust::Synchronised);
        let by = -wrong * SECOND as i64;
        assert_eq!(turn, only(Turn::Moved { from: first, to: Timestamp(last.0 + 1), by, is_sure: true }), "{wrong}");
        assert_eq!(keeper.place(at(50, wrong).wall, at(100, 0), Whose::Box), Some(good(50)), "{wrong}");
        assert_eq!(keeper.on_clock(at(101, 0), Trust::Synchronised), NOTHING);
    }
}

#[test]
fn what_a_server_confirmed_stands_but_nothing_lies_in_the_future() {
    let mut keeper = Timekeeper::new(at(10, 30), Trust::Synchronised, None);
    assert_eq!(keeper.on_clock(at(100, 0), Trust::Synchronised), only(Turn::Lost), "who knows who set it back");
    assert_eq!(keeper.on_clock(at(3600, 0), Trust::Synchronised), NOTHING);
    let (from, to) = (Timestamp(good(3700).0 + 1), Timestamp(good(130).0 + 1));
    let turns = keeper.on_clock(at(3700, 0), Trust::Synchronised);
    let known = Turn::Known { era: 1, offset: BOOT as i64 };
    assert_eq!(turns[1], Some(known), "it stays like that");
    assert!(turns[0].is_none_or(|turn| turn == Turn::Moved { from, to, by: -30 * SECOND as i64 - 1, is_sure: false }));
    let mut keeper = Timekeeper::new(at(10, -30), Trust::Synchronised, None);
    assert_eq!(keeper.on_clock(at(100, 0), Trust::Synchronised), NOTHING);
    assert_eq!(
        keeper.place(good(400), at(100, 0), Whose::Box),
        Some(good(100)),
        "what the box stamps is never ahead of it"
    );
    assert_eq!(keeper.place(good(400), at(100, 0), Whose::Source), Some(good(400)));
}

#[test]
fn a_step_back_that_is_undone_has_moved_nothing() {
    for trust in [Trust::Synchronised, Trust::Kept] {
        let mut keeper = Timekeeper::new(at(10, 0), Trust::Synchronised, None);
        assert_eq!(keeper.on_clock(at(100, -3600), trust), only(Turn::Lost));
        let now = at(110, -3600);
        assert_eq!(keeper.place(now.wall, now, Whose::Box), Some(in_era(1, 110 * SECOND)), "not among older stamps");
        assert_eq!(keeper.on_clock(at(120, 0), trust), only2(Turn::Known { era: 1, offset: BOOT as i64 }));
    }
}

#[test]
fn a_year_of_drift_is_not_moved_as_a_whole() {
    let year = 365 * 24 * 3600;
    let mut keeper = Timekeeper::new(at(0, 90), Trust::Kept, None);
    let turns = keeper.on_clock(at(year, 0), Trust::Synchronised);
    assert!(
        matches!(turns, [Some(Turn::Moved { from, is_sure: false, .. }), None] if from.0 == good(year).0 + 1),
        "{turns:?}"
    );
    let mut keeper = Timekeeper::new(at(0, 0), Trust::Kept, None);
    for second in 0..100 {
        let slewed = Now { wall: Timestamp(good(second).0 + second * 1000), ..at(second, 0) };
        assert_eq!(keeper.on_clock(slewed, Trust::Kept), NOTHING, "slewed");
    }
}

#[test]
fn a_clock_set_to_nonsense_is_not_known_and_each_time_is_an_era_of_its_own() {
    let mut keeper = Timekeeper::new(at(10, 0), Trust::Kept, None);
    let nonsense = -((BOOT / SECOND) as i64);
    assert_eq!(keeper.on_clock(at(20, nonsense), Trust::Kept), only(Turn::Lost));
    assert_eq!(keeper.present(at(21, nonsense)), in_era(1, 21 * SECOND));
    assert_eq!(keeper.on_clock(at(30, 0), Trust::Kept), only2(Turn::Known { era: 1, offset: BOOT as i64 }));
    assert_eq!(keeper.on_clock(at(40, 3_000_000_000), Trust::Kept), only(Turn::Lost), "past 2100");
    assert_eq!(keeper.present(at(41, 3_000_000_000)), in_era(2, 41 * SECOND));
    let far = at(41, 3_000_000_000);
    assert_eq!(keeper.place(far.wall, far, Whose::Box), Some(in_era(2, 41 * SECOND)));
    assert_eq!(keeper.place(Timestamp(u64::MAX), far, Whose::Source), None);
}
