//! The station, stepped.

use super::super::water::{FOREBAY_AREA, WALL_CREST};
use super::*;

/// What must hold at every moment, whatever happens.
fn sane(station: &Station, what: &str) {
    let water = &station.water;
    assert!((0.0..WALL_CREST).contains(&water.level()), "{what}: level {}", water.level());
    assert!(water.intake() >= 0.0 && water.residual() >= 0.0 && water.spill() >= 0.0, "{what}: {water:?}");
    for turbine in &station.turbines {
        assert!((0.0..=100.0).contains(&turbine.gate()), "{what}: {turbine:?}");
        assert!((-0.3..5.6).contains(&turbine.power()), "{what}: {turbine:?}");
        assert!((0.0..960.0).contains(&turbine.rpm()), "{what}: {turbine:?}");
        assert!((10.0..80.0).contains(&turbine.bearing()), "{what}: {turbine:?}");
    }
    let fan = &station.fan;
    assert!((0.0..=50.0).contains(&fan.hz()) && (0.0..60.0).contains(&fan.hall()), "{what}: {fan:?}");
    assert!((49.5..50.5).contains(&station.meter.hertz()), "{what}: {:?}", station.meter);
}

#[test]
fn left_alone_for_two_days_with_trouble_it_stays_sane_and_loses_no_water() {
    // Five seeds, 48 simulated hours each, something goes wrong every three minutes.
    for seed in 1..=5 {
        let mut station = Station::new(1_764_000_000.0, seed);
        let (came, went) = station.water.account();
        let start = station.water.volume() - came + went;
        let mut dice = Dice::new(seed);
        let (mut counted, mut held) = (0.0, 0_u32);
        for second in 0..48 * 3600 {
            if second % 180 == 179 {
                station.befall([Trouble::Trip(0), Trouble::Trip(1), Trouble::Leaves][dice.pick(3)]);
            }
            let gates = [station.water.gate.position(), station.turbines[0].gate(), station.turbines[1].gate()];
            station.step(1.0);
            let what = format!("seed={seed} second {second}");
            sane(&station, &what);
            assert!((station.water.gate.position() - gates[0]).abs() < 0.9, "{what}: the intake gate jumped");
            for n in 0..2 {
                assert!((station.turbines[n].gate() - gates[1 + n]).abs() < 15.1, "{what}: wicket gates jumped");
            }
            assert!(station.meter.exported() >= counted, "{what}: the counter went back");
            counted = station.meter.exported();
            held += u32::from((station.water.level() - 4.0).abs() < 0.5);
        }
        let (came, went) = station.water.account();
        let missing = start + came - went - station.water.volume();
        assert!(missing.abs() < 1e-3, "seed={seed}: {missing} m³ of {came} are missing");
        assert!(held > 48 * 3600 * 9 / 10, "seed={seed}: the level was held for {held} s only");
        let mwh = (station.meter.exported() - 8.123_456e10) / 1e6;
        assert!((100.0..480.0).contains(&mwh), "seed={seed}: {mwh} MWh in two days");
    }
}

#[test]
fn what_the_sensors_say_adds_up_as_water_does() {
    // A quiet hour: flows read once a second, added up, must explain the change of the level that is read.
    let mut station = Station::new(1_764_000_000.0, 11);
    station.step(600.0);
    let before = station.sensed().level;
    let mut balance = 0.0;
    for _ in 0..3600 {
        station.step(1.0);
        let read = station.sensed();
        balance += read.intake - read.flow[0] - read.flow[1] - read.spill;
    }
    let explained = balance / FOREBAY_AREA;
    let changed = station.sensed().level - before;
    assert!((explained - changed).abs() < 0.02, "flows explain {explained} m, the level changed {changed} m");
}

#[test]
fn the_level_follows_its_set_point() {
    let mut station = Station::new(1_764_000_000.0, 5);
    station.level_set = 3.6;
    station.step(3.0 * 3600.0);
    assert!((station.water.level() - 3.6).abs() < 0.1, "{}", station.water.level());
}

#[test]
fn a_button_is_read_back_for_a_moment() {
    let mut station = Station::new(1_764_000_000.0, 5);
    station.befall(Trouble::Trip(1));
    assert_eq!(station.alarms() & 0b1_0000, 0b1_0000);
    station.press(Button::Reset2);
    assert!(station.pressed(Button::Reset2) && !station.pressed(Button::Reset1));
    station.step(6.0);
    assert!(!station.pressed(Button::Reset2));
    assert_eq!(station.alarms(), 0);
}
