//! Whatever comes over a line, the plant answers with whole frames or not at all, and stands.
#![allow(missing_docs, clippy::unwrap_used)]

use forebay_sim::{Act, Behaviour, Frame, Framing, Plant, Plc, Spec};
use proptest::prelude::*;

/// The longest frame of either kind: MBAP and 254 bytes.
const FRAME_BYTES_MAX: usize = 260;

fn shipped() -> Plant {
    let spec = Spec::parse(include_str!("../../../config/plant.yaml"), |_| None).unwrap();
    Plant::new(&spec, 1_764_000_000_000_000)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_in_any_pieces_leave_the_plant_standing(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..8),
        line in 0_usize..3,
    ) {
        let mut plant = shipped();
        let mut heard = Vec::new();
        for piece in pieces {
            heard.extend(piece);
            let Ok(replies) = plant.hear(line, &mut heard) else { break };
            prop_assert!(heard.len() <= FRAME_BYTES_MAX + 300, "{} bytes wait", heard.len());
            for reply in replies {
                if let Act::Send(bytes) = reply.act {
                    prop_assert!(bytes.len() <= FRAME_BYTES_MAX);
                }
            }
        }
    }

    #[test]
    fn any_request_to_any_behaviour_is_answered_without_a_panic(
        pdu in prop::collection::vec(any::<u8>(), 1..253),
        function in prop::sample::select(vec![1_u8, 2, 3, 4, 5, 6, 15, 16, 22, 23, 43]),
        unit in 0_u8..8,
        line in 0_usize..3,
    ) {
        let mut plant = shipped();
        let request = Frame { transaction: 7, unit, pdu: [&[function], &pdu[1..]].concat() };
        for behaviour in Behaviour::every() {
            for name in ["plc1", "station", "meter", "fan"] {
                plant.device_mut(name).unwrap().behave(behaviour.clone());
            }
            plant.answer(line, &request);
        }
    }

    #[test]
    fn what_is_sealed_is_cut_out_again_of_any_noise_before_it(
        noise in prop::collection::vec(128_u8..=255, 0..40),
        address in any::<u16>(),
        words in prop::collection::vec(any::<u16>(), 1..100),
    ) {
        // The noise holds no byte that is a function, so that it can't be a request by chance; nor can unit 99.
        let mut pdu = vec![16];
        pdu.extend(address.to_be_bytes());
        pdu.extend(u16::try_from(words.len()).unwrap().to_be_bytes());
        pdu.push(u8::try_from(words.len() * 2).unwrap());
        pdu.extend(words.iter().flat_map(|word| word.to_be_bytes()));
        let request = Frame { transaction: 0, unit: 99, pdu };
        let mut heard = [noise, Framing::Rtu.seal(&request)].concat();
        prop_assert_eq!(Framing::Rtu.cut(&mut heard).unwrap(), Some(request));
        prop_assert!(heard.is_empty());
    }
}

#[test]
fn a_plc_is_stepped_without_sockets() {
    // What a whole-plant simulation does: bytes in, replies with their delays out, no clock and no I/O.
    let mut plant = Plc::new().register(101, 0x41A4).slow_ms(40).plant();
    let request = Framing::Tcp.seal(&Frame { transaction: 9, unit: 1, pdu: vec![3, 0, 100, 0, 1] });
    let replies = plant.hear(0, &mut request.clone()).unwrap();
    assert_eq!(replies.len(), 1);
    assert_eq!(replies[0].after.as_millis(), 40);
    assert_eq!(replies[0].act, Act::Send(vec![0, 9, 0, 0, 0, 5, 1, 3, 2, 0x41, 0xA4]));
}
