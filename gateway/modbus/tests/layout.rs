//! Words ↔ values: tables of bytes written by hand, and properties.

#![allow(clippy::unwrap_used, reason = "a test")]

use forebay_modbus::{EncodeError, Layout, Meaning, Way, default_order, words_of};
use proptest::prelude::*;
use site::{Form, Order, WordType};
use tag::{Fault, Value};

const TYPES: [WordType; 13] = [
    WordType::Bool,
    WordType::Int16,
    WordType::Uint16,
    WordType::Int32,
    WordType::Uint32,
    WordType::Int64,
    WordType::Uint64,
    WordType::Float32,
    WordType::Float64,
    WordType::Int8,
    WordType::Uint8,
    WordType::Bcd16,
    WordType::Bcd32,
];
const ORDERS: [Order; 4] = [Order::Abcd, Order::Cdab, Order::Badc, Order::Dcba];

#[test]
fn bytes_lie_as_the_letters_say() {
    let n = Value::Int(0x1122_3344);
    let table = [
        (Order::Abcd, [0x1122, 0x3344]),
        (Order::Cdab, [0x3344, 0x1122]),
        (Order::Badc, [0x2211, 0x4433]),
        (Order::Dcba, [0x4433, 0x2211]),
    ];
    for (order, words) in table {
        let layout = Layout::plain(WordType::Uint32, order);
        assert_eq!(layout.encode(&n).unwrap(), words, "{order:?}");
        assert_eq!(layout.decode(&words), Ok(n.clone()), "{order:?}");
    }
    let n = Value::Int(0x1122_3344_5566_7788);
    let table = [
        (Order::Abcd, [0x1122, 0x3344, 0x5566, 0x7788]),
        (Order::Cdab, [0x7788, 0x5566, 0x3344, 0x1122]),
        (Order::Badc, [0x2211, 0x4433, 0x6655, 0x8877]),
        (Order::Dcba, [0x8877, 0x6655, 0x4433, 0x2211]),
    ];
    for (order, words) in table {
        for word_type in [WordType::Int64, WordType::Uint64] {
            let layout = Layout::plain(word_type, order);
            assert_eq!(layout.encode(&n).unwrap(), words, "{order:?}");
            assert_eq!(layout.decode(&words), Ok(n.clone()), "{order:?}");
        }
    }
}

#[test]
fn values_of_every_type() {
    use WordType::{Bool, Float32, Float64, Int16, Int32, Int64, Uint16, Uint32, Uint64};
    let table: [(WordType, &[u16], Result<Value, Fault>); 18] = [
        (Bool, &[0], Ok(Value::Int(0))),
        (Bool, &[1], Ok(Value::Int(1))),
        (Int16, &[0xFFFF], Ok(Value::Int(-1))),
        (Uint16, &[0xFFFF], Ok(Value::Int(65535))),
        (Int32, &[0x8000, 0], Ok(Value::Int(i64::from(i32::MIN)))),
        (Uint32, &[0xFFFF, 0xFFFF], Ok(Value::Int(4_294_967_295))),
        (Int64, &[0xFFFF, 0xFFFF, 0xFFFF, 0xFFFE], Ok(Value::Int(-2))),
        (Uint64, &[0x7FFF, 0xFFFF, 0xFFFF, 0xFFFF], Ok(Value::Int(i64::MAX))),
        (Uint64, &[0x8000, 0, 0, 0], Err(Fault::OutOfRange)),
        (Float32, &[0x41A4, 0], Ok(Value::Float(20.5))),
        (Float32, &[0x7F80, 0], Err(Fault::OutOfRange)),
        (Float32, &[0xFF80, 0], Err(Fault::OutOfRange)),
        (Float32, &[0x7FC0, 0], Err(Fault::OutOfRange)),
        (Float32, &[0x7F80, 1], Err(Fault::OutOfRange)),
        (Float64, &[0x4034, 0x8000, 0, 0], Ok(Value::Float(20.5))),
        (Float64, &[0x7FF0, 0, 0, 0], Err(Fault::OutOfRange)),
        (Float64, &[0x7FF8, 0, 0, 0], Err(Fault::OutOfRange)),
        (Float64, &[0x8000, 0, 0, 0], Ok(Value::Float(-0.0))),
    ];
    for (word_type, words, value) in table {
        assert_eq!(Layout::plain(word_type, Order::Abcd).decode(words), value, "{word_type:?} {words:x?}");
    }
}

#[test]
fn each_form_keeps_its_orders() {
    use WordType::{Float32, Float64, Int16, Int32, Int64, Uint32, Uint64};
    for word_type in TYPES {
        for way in [Way::Read, Way::Write] {
            assert_eq!(default_order(Form::Poll, word_type, way), Order::Abcd);
        }
    }
    for word_type in [Int32, Uint32, Float32] {
        assert_eq!(default_order(Form::Areas, word_type, Way::Read), Order::Cdab, "{word_type:?}");
    }
    for word_type in [Int64, Uint64, Float64, Int16] {
        assert_eq!(default_order(Form::Areas, word_type, Way::Read), Order::Abcd, "{word_type:?}");
    }
    assert_eq!(default_order(Form::Areas, Float32, Way::Write), Order::Cdab);
    for word_type in [Int32, Uint32, Int64, Uint64, Float64, Int16] {
        assert_eq!(default_order(Form::Areas, word_type, Way::Write), Order::Abcd, "{word_type:?}");
    }
}

#[test]
fn what_does_not_fit_is_refused_in_words() {
    let refuse = |word_type, value: Value| Layout::plain(word_type, Order::Abcd).encode(&value).unwrap_err();
    assert_eq!(refuse(WordType::Int16, Value::Int(32768)), EncodeError::Over(32767.0));
    assert_eq!(refuse(WordType::Int16, Value::Int(-32769)).to_string(), "under min -32768 of the register");
    assert_eq!(refuse(WordType::Uint16, Value::Int(-1)), EncodeError::Under(0.0));
    assert_eq!(refuse(WordType::Uint64, Value::Int(-1)), EncodeError::Under(0.0));
    assert_eq!(refuse(WordType::Int16, Value::Float(2.5)), EncodeError::NotWhole(2.5));
    assert_eq!(refuse(WordType::Int64, Value::Float(1e19)).to_string(), "over max 9223372036854776000 of the register");
    assert_eq!(refuse(WordType::Bool, Value::Int(2)), EncodeError::NotABit);
    assert_eq!(refuse(WordType::Float32, Value::Float(1e39)), EncodeError::Over(f64::from(f32::MAX)));
    assert_eq!(refuse(WordType::Float64, Value::Float(f64::NAN)), EncodeError::NotFinite);
    assert_eq!(refuse(WordType::Uint16, Value::from("7")), EncodeError::NotANumber);
    let plain = Layout::plain(WordType::Int16, Order::Abcd);
    assert_eq!(plain.encode(&Value::Float(20.0)).unwrap(), [20]);
}

#[test]
fn scale_goes_there_and_back() {
    let layout = Layout { scale: 0.1, offset: -40.0, ..Layout::plain(WordType::Uint16, Order::Abcd) };
    assert_eq!(layout.decode(&[655]), Ok(Value::Float(655.0 * 0.1 - 40.0)));
    assert_eq!(layout.encode(&Value::Float(25.5)).unwrap(), [655]);
    assert_eq!(layout.encode(&Value::Float(25.53)).unwrap(), [655], "to the nearest step");
    assert_eq!(layout.encode(&Value::Float(-41.0)).unwrap_err(), EncodeError::Under(-40.0));
    assert_eq!(layout.encode(&Value::Float(6600.0)).unwrap_err(), EncodeError::Over(65535.0 * 0.1 - 40.0));
    // A limit is told as people write it, not as 0.1 is in a computer.
    let tenths = Layout { scale: 0.1, ..Layout::plain(WordType::Int16, Order::Abcd) };
    let told = |value| tenths.encode(&Value::Float(value)).unwrap_err().to_string();
    assert_eq!(told(3276.8), "over max 3276.7 of the register");
    assert_eq!(told(-9999.9), "under min -3276.8 of the register");
    let upside_down = Layout { scale: -1.0, ..Layout::plain(WordType::Uint16, Order::Abcd) };
    assert_eq!(upside_down.encode(&Value::Float(5.0)).unwrap_err(), EncodeError::Over(0.0));
    let wide = Layout { scale: 2.0, ..Layout::plain(WordType::Uint64, Order::Abcd) };
    assert_eq!(wide.decode(&[0x8000, 0, 0, 0]), Ok(Value::Float(2f64.powi(64))), "scaled, it is a float anyway");
    let huge = Layout { scale: 1e300, ..Layout::plain(WordType::Float64, Order::Abcd) };
    assert_eq!(
        huge.decode(&Layout::plain(WordType::Float64, Order::Abcd).encode(&Value::Float(1e300)).unwrap()),
        Err(Fault::OutOfRange)
    );
}

fn any_layout() -> impl Strategy<Value = Layout> {
    let scale =
        prop_oneof![Just((1.0, 0.0)), (-1e6..1e6f64, -1e6..1e6f64)].prop_filter("not 0", |(s, _)| s.abs() > 1e-6);
    (0..TYPES.len(), 0..ORDERS.len(), scale).prop_map(|(t, o, (scale, offset))| Layout {
        word_type: TYPES[t],
        order: ORDERS[o],
        scale: if TYPES[t] == WordType::Bool { 1.0 } else { scale },
        offset: if TYPES[t] == WordType::Bool { 0.0 } else { offset },
        length: 0,
        meaning: None,
        beside: None,
    })
}

proptest! {
    /// Whatever the words: a finite value of the right kind, or out of range.
    #[test]
    fn decoding_never_lets_a_non_number_in(layout in any_layout(), words in proptest::array::uniform4(any::<u16>())) {
        let count = usize::from(words_of(layout.word_type));
        let is_float = layout.is_scaled() || matches!(layout.word_type, WordType::Float32 | WordType::Float64);
        match layout.decode(&words[..count]) {
            Ok(Value::Float(x)) => prop_assert!(x.is_finite() && is_float),
            Ok(Value::Int(_)) => prop_assert!(!is_float),
            Ok(other) => prop_assert!(false, "{other:?}"),
            Err(fault) => prop_assert_eq!(fault, Fault::OutOfRange),
        }
    }

    /// Unscaled words survive the way through a value and back, in every type and order.
    #[test]
    fn words_survive_the_round_trip(t in 1..TYPES.len(), o in 0..ORDERS.len(), words in proptest::array::uniform4(any::<u16>())) {
        let layout = Layout::plain(TYPES[t], ORDERS[o]);
        let words = &words[..usize::from(layout.words())];
        if let Ok(value) = layout.decode(words) {
            let own = match (TYPES[t], ORDERS[o]) {
                (WordType::Int8 | WordType::Uint8, Order::Badc | Order::Dcba) => 0xFF00,
                (WordType::Int8 | WordType::Uint8, _) => 0x00FF,
                _ => 0xFFFF,
            };
            let words: Vec<u16> = words.iter().map(|word| word & own).collect();
            prop_assert_eq!(layout.encode(&value).unwrap(), words);
        }
    }

    /// Whatever is written is read back as itself, or refused; scaled values to the nearest step.
    #[test]
    fn values_survive_the_round_trip(layout in any_layout(), number in prop_oneof![-1e5..1e5f64, any::<f64>(), (-70000i64..70000).prop_map(|n| n as f64)]) {
        if let Ok(words) = layout.encode(&Value::Float(number)) {
            prop_assert_eq!(words.len(), usize::from(layout.words()));
            let back = layout.decode(&words);
            if layout.word_type == WordType::Uint64 && number > 9e18 {
                return Ok(());
            }
            let back = back.ok().and_then(|value| value.as_f64());
            let size = number.abs().max(layout.offset.abs()).max(1e-30);
            let step = match layout.word_type {
                WordType::Float32 => size * 1e-6 + 1e-37 * layout.scale.abs().max(1.0),
                WordType::Float64 => size * 1e-9,
                _ => layout.scale.abs() * 0.5001 + size * 1e-9,
            };
            let near = back.is_some_and(|back| (back - number).abs() <= step);
            prop_assert!(near || !(number * 1.000001).is_finite(), "{} became {:?}", number, back);
        }
    }
}

#[test]
fn the_eight_orders_of_64_bit_are_inverses_of_their_reading() {
    let n = Value::Int(0x1122_3344_5566_7788);
    let table = [
        (Order::Efghabcd, [0x5566, 0x7788, 0x1122, 0x3344]),
        (Order::Cdabghef, [0x3344, 0x1122, 0x7788, 0x5566]),
        (Order::Dcbahgfe, [0x4433, 0x2211, 0x8877, 0x6655]),
        (Order::Fehgbadc, [0x6655, 0x8877, 0x2211, 0x4433]),
    ];
    for (order, words) in table {
        let layout = Layout::plain(WordType::Int64, order);
        assert_eq!(layout.encode(&n).unwrap(), words, "{order:?}");
        assert_eq!(layout.decode(&words), Ok(n.clone()), "{order:?}");
    }
}

#[test]
fn bytes_digits_and_texts() {
    use WordType::{Bcd16, Bcd32, Int8, Uint8};
    type Case = (WordType, Order, &'static [u16], Result<Value, Fault>);
    let table: [Case; 9] = [
        (Int8, Order::Abcd, &[0x12FE], Ok(Value::Int(-2))),
        (Int8, Order::Badc, &[0xFE12], Ok(Value::Int(-2))),
        (Uint8, Order::Abcd, &[0x12FE], Ok(Value::Int(254))),
        (Uint8, Order::Badc, &[0x12FE], Ok(Value::Int(0x12))),
        (Bcd16, Order::Abcd, &[0x1234], Ok(Value::Int(1234))),
        (Bcd16, Order::Abcd, &[0x12A4], Err(Fault::OutOfRange)),
        (Bcd32, Order::Abcd, &[0x1234, 0x5678], Ok(Value::Int(12_345_678))),
        (Bcd32, Order::Cdab, &[0x5678, 0x1234], Ok(Value::Int(12_345_678))),
        (Bcd32, Order::Abcd, &[0x9999, 0x9999], Ok(Value::Int(99_999_999))),
    ];
    for (word_type, order, words, value) in table {
        assert_eq!(Layout::plain(word_type, order).decode(words), value, "{word_type:?} {order:?} {words:x?}");
    }
    assert_eq!(Layout::plain(Bcd32, Order::Abcd).encode(&Value::Int(12_345_678)), Ok(vec![0x1234, 0x5678]));
    assert_eq!(Layout::plain(Bcd16, Order::Abcd).encode(&Value::Int(10_000)), Err(EncodeError::Over(9999.0)));

    let text = Layout { length: 3, ..Layout::plain(WordType::Text, Order::Abcd) };
    let hello = [0x4865, 0x6C6C, 0x6F00];
    assert_eq!(text.decode(&hello), Ok(Value::from("Hello")));
    assert_eq!(text.encode(&Value::from("Hello")).unwrap(), hello);
    let swapped = Layout { order: Order::Badc, ..text.clone() };
    assert_eq!(swapped.decode(&[0x6548, 0x6C6C, 0x206F]), Ok(Value::from("Hello")), "blanks at the end are filling");
    assert_eq!(swapped.encode(&Value::from("Hello!!")), Err(EncodeError::TooLong(6)));
    assert_eq!(text.decode(&[0xB043, 0, 0x4141]), Ok(Value::from("°C")), "Latin-1, up to the 0");
    assert_eq!(text.encode(&Value::Int(1)), Err(EncodeError::NotText));
    let bytes = Layout { length: 2, ..Layout::plain(WordType::Bytes, Order::Abcd) };
    assert_eq!(bytes.decode(&[0x0102, 0x0003]), Ok(Value::Bytes([1, 2, 0, 3][..].into())));
    assert_eq!(bytes.encode(&Value::Bytes([1, 2, 0, 3][..].into())).unwrap(), [0x0102, 0x0003]);
}

#[test]
fn numbers_that_mean_no_value_and_numbers_that_mean_states() {
    let meaning = |no_value: &[i64], states: &[i64]| {
        Some(std::sync::Arc::new(Meaning { no_value: no_value.into(), states: states.into() }))
    };
    for (word_type, none, words) in [
        (WordType::Int16, 0x8000, &[0x8000_u16][..]),
        (WordType::Int16, -32768, &[0x8000]),
        (WordType::Uint16, 0xFFFF, &[0xFFFF]),
        (WordType::Uint32, 0xFFFF_FFFF, &[0xFFFF, 0xFFFF]),
        (WordType::Int64, i64::MIN, &[0x8000, 0, 0, 0]),
        (WordType::Uint64, -1, &[0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF]),
        (WordType::Uint8, 0xFF, &[0x01FF]),
        (WordType::Float32, 0x7FC0_0000, &[0x7FC0, 0]),
    ] {
        let layout = Layout { meaning: meaning(&[none], &[]), ..Layout::plain(word_type, Order::Abcd) };
        assert_eq!(layout.decode(words), Err(Fault::OutOfRange), "{word_type:?} {none:x}");
    }
    let scaled = Layout { scale: 0.1, meaning: meaning(&[-1], &[]), ..Layout::plain(WordType::Int16, Order::Abcd) };
    assert_eq!(scaled.decode(&[20]), Ok(Value::Float(2.0)));
    assert_eq!(scaled.encode(&Value::Float(-0.1)), Err(EncodeError::MeansNothing));
    let modes = Layout { meaning: meaning(&[], &[1, 4, 16]), ..Layout::plain(WordType::Uint16, Order::Abcd) };
    assert_eq!(modes.decode(&[4]), Ok(Value::Int(1)));
    assert_eq!(modes.decode(&[2]), Err(Fault::OutOfRange), "no state that the site knows");
    assert_eq!(modes.encode(&Value::Int(2)).unwrap(), [16]);
    assert_eq!(modes.encode(&Value::Int(3)), Err(EncodeError::NoState(3)));
}
