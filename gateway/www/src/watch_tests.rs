use std::collections::BTreeMap;

use proptest::prelude::*;
use shell::{Clock, SystemClock};

use super::*;

const PHONE: SocketId = SocketId(1);
const WALL: Timestamp = Timestamp(1_700_000_000_000_000);

fn plant() -> Plant {
    Plant { bus: true, devices: vec![] }
}

fn good(at: u64, value: i64) -> Sample {
    Sample { at: Timestamp(at), reading: Reading::Good(value.into()) }
}

fn held(at: u64, value: i64) -> Sample {
    Sample { at: Timestamp(at), reading: Reading::Held { last: value.into(), because: Fault::TimedOut } }
}

/// Five tags and a phone that has heard hello and plant.
fn stage() -> (Watch, Instant) {
    let handles: Vec<Handle> = (10..15).map(Handle).collect();
    let (mut watch, now) = (Watch::new(&handles, plant()), SystemClock.mono());
    watch.open(PHONE);
    assert_eq!(watch.take(PHONE, now), Some(Message::Hello));
    assert_eq!(watch.take(PHONE, now), Some(Message::Plant(plant())));
    assert_eq!(watch.take(PHONE, now), None);
    (watch, now)
}

fn readings(message: Option<Message>) -> Vec<(TagNumber, Reading, u64)> {
    let Some(Message::Tags(shown)) = message else { panic!("readings, not {message:?}") };
    shown.into_iter().map(|shown| (shown.tag, shown.sample.reading, shown.since.0)).collect()
}

#[test]
fn what_is_newly_watched_is_told_as_it_is_and_the_rest_is_not() {
    let (mut watch, now) = stage();
    watch.on_sample(Handle(11), good(5, 50), WALL);
    watch.on_sample(Handle(99), good(5, 50), WALL);
    watch.watch(PHONE, &[1, 0, 1]).unwrap();
    let first = readings(watch.take(PHONE, now));
    assert_eq!(first, [(0, Reading::Missing(Fault::OwnerGone), 0), (1, Reading::Good(50.into()), 0)]);
    let later = now + READINGS_EVERY;
    watch.watch(PHONE, &[1, 2]).unwrap();
    assert_eq!(readings(watch.take(PHONE, later)).len(), 1, "only what is new");
    watch.on_sample(Handle(10), good(6, 60), WALL);
    assert_eq!(watch.take(PHONE, later + READINGS_EVERY), None, "no longer watched");
    assert_eq!(watch.watch(PHONE, &[2, 5]), Err(NoSuchTag(5)));
    watch.on_sample(Handle(12), good(7, 70), WALL);
    assert_eq!(readings(watch.take(PHONE, later + READINGS_EVERY)).len(), 1, "a wrong list changes nothing");
}

#[test]
fn readings_wait_their_pause_and_outcomes_do_not() {
    let (mut watch, now) = stage();
    watch.watch(PHONE, &[0]).unwrap();
    watch.take(PHONE, now);
    watch.on_sample(Handle(10), good(1, 1), WALL);
    watch.on_set(PHONE, 7, Outcome::Sent);
    assert_eq!(watch.take(PHONE, now), Some(Message::Set(SetNews { id: 7, outcome: Outcome::Sent })));
    assert_eq!(watch.take(PHONE, now), None);
    assert_eq!(watch.due(PHONE), Some(now + READINGS_EVERY));
    watch.on_sample(Handle(10), good(2, 2), WALL);
    assert_eq!(readings(watch.take(PHONE, now + READINGS_EVERY)), [(0, Reading::Good(2.into()), 0)]);
    assert_eq!(watch.due(PHONE), None);
}

#[test]
fn readings_have_every_other_turn_however_much_else_there_is_to_tell() {
    let (mut watch, mut now) = stage();
    watch.watch(PHONE, &[0]).unwrap();
    for id in 0..NEWS_MAX as u64 {
        watch.on_set(PHONE, id, Outcome::Sent);
    }
    let mut told = String::new();
    for value in 0..12 {
        watch.on_sample(Handle(10), good(1, value), WALL);
        if value == 8 {
            watch.on_plant(plant());
        }
        // A page that takes its time.
        now += Duration::from_secs(1);
        told.push(match watch.take(PHONE, now) {
            Some(Message::Set(_)) => 's',
            Some(Message::Plant(_)) => 'p',
            Some(Message::Tags(shown)) => {
                assert_eq!(shown[0].sample, good(1, value), "the newest");
                't'
            }
            other => panic!("{other:?}"),
        });
    }
    // The first turn is that of the readings: the plant was told before.
    assert_eq!(told, "tststststpts");
}

#[test]
fn since_when_is_told_where_it_is_known() {
    let (mut watch, _) = stage();
    let since = |watch: &Watch| watch.tags[0].since.0;
    watch.on_sample(Handle(10), held(5, 1), WALL);
    assert_eq!(since(&watch), 5, "it was held before we came, and not before its value was taken");
    watch.on_sample(Handle(10), good(6, 1), WALL);
    watch.on_sample(Handle(10), held(6, 1), Timestamp(WALL.0 + 1));
    watch.on_sample(
        Handle(10),
        Sample { reading: held(6, 1).reading.fallen(Fault::Offline), ..held(6, 1) },
        Timestamp(WALL.0 + 2),
    );
    assert_eq!(since(&watch), WALL.0 + 1, "another reason is no new beginning");
    watch.on_down(Timestamp(WALL.0 + 3));
    assert_eq!(since(&watch), WALL.0 + 1);
    watch.on_sample(Handle(10), good(7, 1), WALL);
    assert_eq!(since(&watch), 0);
    watch.on_sample(Handle(10), Sample { at: Timestamp(8), reading: Reading::Missing(Fault::OutOfRange) }, WALL);
    assert_eq!(since(&watch), 8, "its own time");
}

#[test]
fn a_large_page_comes_in_pieces_with_outcomes_between() {
    let handles: Vec<Handle> = (0..2500).map(Handle).collect();
    let (mut watch, now) = (Watch::new(&handles, plant()), SystemClock.mono());
    watch.open(PHONE);
    watch.watch(PHONE, &(0..2500).collect::<Vec<_>>()).unwrap();
    let mut told = Vec::new();
    while let Some(message) = watch.take(PHONE, now) {
        if let Message::Tags(shown) = message {
            told.push(shown.len());
            watch.on_set(PHONE, 1, Outcome::Confirmed);
        } else if let Message::Set(_) = message {
            told.push(0);
        }
    }
    assert_eq!(told, [1000, 0, 1000, 0, 500, 0], "at once, without a pause between the pieces");
}

#[test]
fn large_texts_do_not_share_a_message() {
    let (mut watch, now) = stage();
    for handle in 10..15 {
        let text = "x".repeat(600 * 1024);
        watch.on_sample(Handle(handle), Sample { at: WALL, reading: Reading::Good(text.as_str().into()) }, WALL);
    }
    watch.watch(PHONE, &[0, 1, 2, 3, 4]).unwrap();
    let counts: Vec<_> = std::iter::from_fn(|| watch.take(PHONE, now)).map(|tags| readings(Some(tags)).len()).collect();
    assert_eq!(counts, [2, 2, 1]);
}

#[test]
fn complaints_are_bounded_and_outcomes_are_not_lost_to_them() {
    let (mut watch, now) = stage();
    for number in 0..10 * NEWS_MAX {
        watch.on_error(PHONE, format!("{number}"));
    }
    watch.on_set(PHONE, 1, Outcome::Expired);
    assert_eq!(watch.waiting(PHONE), NEWS_MAX + 1);
    let all = std::iter::from_fn(|| watch.take(PHONE, now));
    assert!(matches!(all.last(), Some(Message::Set(_))));
}

#[derive(Debug, Clone)]
enum Step {
    Sample(u32, bool, i64),
    Watch(u64, Vec<TagNumber>),
    Open(u64),
    Close(u64),
    Down,
    Take(u64),
    Wait(u64),
}

/// What a screen watches, what it shows, when it last got readings.
type Seen = (Vec<TagNumber>, BTreeMap<TagNumber, Reading>, Option<Instant>);

fn step() -> impl Strategy<Value = Step> {
    let screen = 0..3_u64;
    prop_oneof![
        6 => (0..6_u32, any::<bool>(), any::<i64>()).prop_map(|(tag, is_good, value)| Step::Sample(tag, is_good, value)),
        2 => (screen.clone(), prop::collection::vec(0..5_u32, 0..6)).prop_map(|(screen, tags)| Step::Watch(screen, tags)),
        1 => screen.clone().prop_map(Step::Open),
        1 => screen.clone().prop_map(Step::Close),
        1 => Just(Step::Down),
        4 => screen.prop_map(Step::Take),
        2 => (0..30_u64).prop_map(Step::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever happens in whatever order: no more waits for a screen than it has tags, readings keep their pause, and
    /// once everything was taken each screen shows exactly what the bus said last of what it watches.
    #[test]
    fn every_screen_ends_up_with_the_latest(steps in prop::collection::vec(step(), 0..200)) {
        let handles: Vec<Handle> = (0..5).map(Handle).collect();
        let mut watch = Watch::new(&handles, plant());
        let mut now = SystemClock.mono();
        let mut bus: Vec<Sample> = handles.iter().map(|_| watch.tags[0].sample.clone()).collect();
        let mut screens: BTreeMap<u64, Seen> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Sample(tag, is_good, value) => {
                    let sample = if is_good { good(1, value) } else { held(1, value) };
                    if let Some(known) = bus.get_mut(tag as usize) {
                        *known = sample.clone();
                    }
                    watch.on_sample(Handle(tag), sample, WALL);
                }
                Step::Watch(screen, tags) => {
                    watch.watch(SocketId(screen), &tags).unwrap();
                    if let Some((watched, shown, last)) = screens.get_mut(&screen) {
                        shown.retain(|tag, _| tags.contains(tag));
                        (*watched, *last) = (tags, None);
                    }
                }
                Step::Open(screen) => {
                    screens.entry(screen).or_insert_with(|| {
                        watch.open(SocketId(screen));
                        Seen::default()
                    });
                }
                Step::Close(screen) => {
                    screens.remove(&screen);
                    watch.close(SocketId(screen));
                }
                Step::Down => {
                    watch.on_down(WALL);
                    for sample in &mut bus {
                        sample.reading = sample.reading.clone().fallen(Fault::OwnerGone);
                    }
                }
                Step::Wait(ms) => now += Duration::from_millis(ms),
                Step::Take(screen) => {
                    let taken = watch.take(SocketId(screen), now);
                    prop_assert!(taken.is_none() || screens.contains_key(&screen));
                    if let Some(Message::Tags(list)) = taken {
                        let (watched, shown, last) = screens.get_mut(&screen).unwrap();
                        prop_assert!(last.is_none_or(|last| now >= last + READINGS_EVERY), "its pause");
                        *last = Some(now);
                        for reading in list {
                            prop_assert!(watched.contains(&reading.tag));
                            shown.insert(reading.tag, reading.sample.reading);
                        }
                    }
                }
            }
            for (screen, (watched, ..)) in &screens {
                prop_assert!(watch.waiting(SocketId(*screen)) <= watched.len() + 1);
            }
        }
        now += READINGS_EVERY;
        for (screen, (watched, mut shown, _)) in screens {
            while let Some(message) = watch.take(SocketId(screen), now) {
                if let Message::Tags(list) = message {
                    shown.extend(list.into_iter().map(|reading| (reading.tag, reading.sample.reading)));
                }
            }
            let expected: BTreeMap<_, _> =
                watched.iter().map(|tag| (*tag, bus[*tag as usize].reading.clone())).collect();
            prop_assert_eq!(&shown, &expected);
            prop_assert_eq!(watch.due(SocketId(screen)), None);
        }
    }
}
