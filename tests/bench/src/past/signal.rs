//! Five kinds of signal, as plants have them.

use history::Number;
use rand::Rng;
use rand::rngs::StdRng;
use tag::Kind;

/// A day in seconds.
pub(crate) const DAY: u64 = 86_400;

/// Their names, in the order of [`value`].
pub(crate) const SIGNALS: [&str; 5] = ["temperature", "noisy voltage", "counter", "state", "constant"];

/// Whether a signal is of floats.
pub(crate) fn kind(signal: usize) -> Kind {
    if signal < 2 { Kind::Float } else { Kind::Int }
}

/// A signal's value in a second.
pub(crate) fn value(signal: usize, second: u64, dice: &mut StdRng) -> Number {
    let day = second as f64 / DAY as f64 * std::f64::consts::TAU;
    match signal {
        // In tenths, as a transmitter tells it.
        0 => Number::Float(((20.0 + 8.0 * day.sin() + dice.random_range(-0.1..0.1)) * 10.0).round() / 10.0),
        // All the bits of a float32, most of them noise.
        1 => Number::Float(f64::from((230.0 + dice.random_range(-1.5..1.5)) as f32)),
        2 => Number::Int((second * 7 / 3) as i64 + dice.random_range(0..3)),
        3 => Number::Int((second / 300 % 2) as i64),
        _ => Number::Int(1),
    }
}
