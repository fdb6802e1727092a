use super::*;

const DAY: u64 = 1 << 30;

#[allow(clippy::disallowed_methods, reason = "only a beginning")]
fn governor() -> (Instant, Governor) {
    let now = Instant::now();
    (now, Governor::new(now, DAY, Duration::from_secs(10)))
}

/// A plant that wants `rate` bytes a second at the full pace, less when it is slowed: for some days.
fn days(rate: f64, days: u64) -> (Governor, u64) {
    let (mut now, mut governor) = governor();
    let (mut all, mut owed) = (0, 0.0);
    let end = now + Duration::from_secs(days * 86_400);
    while now < end {
        let pace = governor.pace();
        let wait = pace.flush.max(governor.hold(now));
        now += wait;
        let kept = 1.0 / pace.every.as_secs_f64().max(1.0);
        owed += wait.as_secs_f64() * rate * kept + 8192.0;
        let bytes = owed as u64;
        owed -= bytes as f64;
        all += bytes;
        governor.on_written(now, bytes);
        assert!(governor.day_bytes() <= DAY, "{} in a day", governor.day_bytes());
    }
    (governor, all)
}

#[test]
fn what_fits_is_written_as_the_site_says() {
    let (governor, all) = days(5000.0, 3);
    assert_eq!(governor.pace(), Pace { flush: Duration::from_secs(10), every: Duration::ZERO });
    assert!(governor.day_bytes() <= all / 3 + 100_000_000, "{}", governor.day_bytes());
}

#[test]
fn what_does_not_fit_is_thinned_until_it_does() {
    for rate in [15_000.0, 100_000.0, 1_000_000.0] {
        let (governor, all) = days(rate, 10);
        assert!(all <= 10 * DAY, "{rate}: {all}");
        assert!(all > 5 * DAY, "{rate}: but not more than needed, {all}");
        assert!(governor.pace().flush >= Duration::from_secs(30), "{rate}");
    }
}

#[test]
fn two_hundred_kills_in_a_row_change_nothing() {
    let at = |n: u64| Timestamp(1_700_000_000_000_000 + n * 500_000);
    let (now, mut governor) = governor();
    let mut account = governor.account(at(0)).expect("the first time");
    for n in 1..=200 {
        governor = self::governor().1;
        governor.go_on(&account, at(n));
        governor.on_written(now, 40_000);
        account = governor.account(at(n)).expect("the first time of this one");
    }
    assert_eq!(governor.pace(), Pace { flush: Duration::from_secs(10), every: Duration::ZERO });
}

#[test]
fn a_storm_of_an_hour_changes_little_and_is_forgotten() {
    let (mut now, mut governor) = governor();
    for _ in 0..360 {
        now += Duration::from_secs(10);
        governor.on_written(now, 400_000);
    }
    assert_eq!(governor.pace().every, Duration::ZERO, "no detail is lost");
    for _ in 0..8640 {
        now += Duration::from_secs(10);
        governor.on_written(now, 10_000);
    }
    assert_eq!(governor.pace().flush, Duration::from_secs(10));
    assert!(governor.day_bytes() < 8640 * 10_000 + 200_000_000);
}

#[test]
fn without_a_bound_it_only_counts() {
    let (now, _) = governor();
    let mut governor = Governor::new(now, 0, Duration::from_secs(10));
    assert!(!governor.on_written(now, u64::MAX / 2));
    assert_eq!((governor.pace().every, governor.day_bytes()), (Duration::ZERO, u64::MAX / 2));
    assert_eq!((governor.hold(now), governor.account(Timestamp(0))), (Duration::ZERO, None));
}

#[test]
fn when_all_is_spent_nothing_is_written_until_it_is_paid() {
    let (now, mut governor) = governor();
    governor.on_written(now, DAY / 2);
    let hold = governor.hold(now);
    let hours = hold.as_secs_f64() / 3600.0;
    assert!((8.0..9.0).contains(&hours), "a quarter of a day's bytes, of which seven tenths come in a day: {hours}");
    assert_eq!(governor.hold(now + hold), Duration::ZERO);
    assert!(!governor.on_written(now + hold, 0) || governor.pace().every > Duration::ZERO);
    assert_eq!(governor.hold(now + hold), Duration::ZERO);
}

/// A box that is switched off and on all day: each start goes on with what was left, less what may not have been noted.
#[test]
fn a_restart_gives_nothing() {
    let hour = |n: u64| Timestamp(1_700_000_000_000_000 + n * 3_600_000_000);
    let (now, mut governor) = governor();
    let mut account = governor.account(hour(0)).expect("the first time");
    governor.noted();
    assert_eq!(governor.account(hour(0)), None, "nothing was spent since");
    let mut all = 0;
    for n in 0..24 {
        let (_, mut next) = self::governor();
        next.go_on(&account, hour(n));
        while next.hold(now).is_zero() {
            all += DAY / 100;
            next.on_written(now, DAY / 100);
            account = next.account(hour(n)).unwrap_or(account);
            next.noted();
        }
        assert_eq!(next.day_bytes(), all);
    }
    assert!(all <= DAY && all > DAY / 2, "{all}");
    let (_, mut later) = self::governor();
    later.go_on(&account, hour(24 + 10));
    assert!(later.day_bytes() < all, "what is longer ago than a day doesn't count");
}
