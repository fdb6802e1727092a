//! One run of each fuzz target. The seeded test on stable calls the same functions.

use std::time::{Duration, Instant};

use forebay_modbus::server::{Image, Served};
use forebay_modbus::tool::{Place, export_device, import, target};
use forebay_modbus::{Asked, Exchange, Layout, Reply, answer_len, decode};
use site::{Address, Area, Order, Parity, ServedArea, ServedTag, StaleAnswer, Table, WordType};
use tag::{Fault, Reading, TagName, Value};
use tokio_modbus::{Request, Response};

/// Takes bytes off the front; zeros when there are no more.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn next(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn word(&mut self) -> u16 {
        u16::from_be_bytes([self.next(), self.next()])
    }

    fn float(&mut self) -> f64 {
        f64::from_bits((0..4).fold(0, |all, _| all << 16 | u64::from(self.word())))
    }
}

/// Any registers decode to a finite value or are out of range, and what was read unscaled can be written back as it
/// was; any value is encoded into as many words as the type has, or refused.
pub(crate) fn layout(data: &[u8]) {
    use WordType::{Bool, Float32, Float64, Int16, Int32, Int64, Uint16, Uint32, Uint64};
    let mut bytes = Bytes(data);
    let types = [Bool, Int16, Uint16, Int32, Uint32, Int64, Uint64, Float32, Float64];
    let word_type = types[usize::from(bytes.next()) % types.len()];
    let order = [Order::Abcd, Order::Cdab, Order::Badc, Order::Dcba][usize::from(bytes.next() % 4)];
    let mut layout = Layout::plain(word_type, order);
    let (scale, offset) = (bytes.float(), bytes.float());
    if bytes.next() % 2 == 0 && word_type != Bool && scale.is_finite() && scale != 0.0 && offset.is_finite() {
        (layout.scale, layout.offset) = (scale, offset);
    }
    let words: Vec<u16> = (0..layout.words()).map(|_| bytes.word()).collect();
    match layout.decode(&words) {
        Ok(value) => {
            assert!(value.as_f64().is_some_and(f64::is_finite), "{layout:?} {words:x?} gave {value:?}");
            if !layout.is_scaled() && word_type != Bool {
                assert_eq!(layout.encode(&value).as_ref(), Ok(&words), "{layout:?} {value:?}");
            }
        }
        Err(fault) => assert_eq!(fault, Fault::OutOfRange),
    }
    let value = match bytes.next() % 4 {
        0 => Value::Int(bytes.float().to_bits() as i64),
        1 => Value::Int(i64::from(bytes.word() as i16)),
        2 => Value::from("text"),
        _ => Value::Float(bytes.float()),
    };
    if let Ok(words) = layout.encode(&value) {
        assert_eq!(words.len(), usize::from(layout.words()));
    }
}

/// Any text is a register map or mistakes with their lines; a map gives as many lines for each file, one line each, and a
/// device that the site takes and that comes back from its own CSV as it was. Says whether it was a map.
pub(crate) fn csv(text: &str) -> bool {
    let map = match import(text) {
        Ok(map) => map,
        Err(wrong) => {
            assert!(!wrong.is_empty() && wrong.iter().all(|line| !line.contains('\n')), "{wrong:?}");
            return false;
        }
    };
    if let Ok((modbus, tags)) = map.lines("L", 1) {
        assert_eq!(modbus.len(), tags.len());
        assert!(modbus.iter().chain(&tags).all(|line| !line.contains('\n')), "{map:?}");
    }
    let read = |file: &str| {
        let (device, findings) = site::read_device("d", file.as_bytes(), &|_| None);
        device.unwrap_or_else(|| panic!("{findings:?} in\n{file}"))
    };
    let device = read(&map.device());
    let csv = export_device(&device);
    let back = import(&csv).unwrap_or_else(|wrong| panic!("{wrong:?} in\n{csv}"));
    assert_eq!(read(&back.device()), device, "{csv}");
    true
}

/// Whatever a device sends, in whatever pieces and at whatever times: no panic, and an answer is what was asked for.
pub(crate) fn frames(data: &[u8]) {
    let mut bytes = Bytes(data);
    let (start, count) = (bytes.word(), bytes.word());
    let request = match bytes.next() % 8 {
        0 => Request::ReadCoils(start, count % 2000 + 1),
        1 => Request::ReadDiscreteInputs(start, count % 2000 + 1),
        2 => Request::ReadInputRegisters(start, count % 125 + 1),
        3 => Request::WriteSingleCoil(start, count % 2 == 1),
        4 => Request::WriteSingleRegister(start, count),
        5 => Request::WriteMultipleRegisters(start, vec![7; usize::from(count % 123) + 1].into()),
        6 => Request::WriteMultipleCoils(start, vec![true; usize::from(count % 1968) + 1].into()),
        _ => Request::ReadHoldingRegisters(start, count % 125 + 1),
    };
    let serial = bytes.next() % 2 == 0;
    let piece_bytes = usize::from(bytes.next()) % 60 + 1;
    let rest = bytes.0;
    if let Ok(Ok(response)) = decode(&request, rest) {
        assert_eq!(rest.len(), answer_len(&request));
        fits(&request, &response);
    }
    let mut exchange = if serial { Exchange::rtu(Duration::from_millis(1)) } else { Exchange::tcp(1) };
    #[allow(clippy::disallowed_methods, reason = "only differences count")]
    let mut now = Instant::now();
    exchange.begin(now, Asked::default(), 1, request.clone(), Duration::from_secs(1));
    for piece in rest.chunks(piece_bytes) {
        now += Duration::from_millis(u64::from(piece[0]));
        let reply = exchange.on_bytes(now, piece).or_else(|| exchange.on_time(now));
        if let Some((_, Reply::Answer(response))) = &reply {
            fits(&request, response);
        }
        if reply.is_some() {
            now = exchange.ready_at().map_or(now, |ready| ready.max(now));
            exchange.begin(now, Asked::default(), 1, request.clone(), Duration::from_secs(1));
        }
    }
    now += Duration::from_secs(10);
    assert!(exchange.on_time(now).is_some(), "every request ends");
}

fn fits(request: &Request<'_>, response: &Response) {
    let (asked, got) = match (request, response) {
        (Request::ReadCoils(_, n), Response::ReadCoils(bits))
        | (Request::ReadDiscreteInputs(_, n), Response::ReadDiscreteInputs(bits)) => (usize::from(*n), bits.len()),
        (Request::ReadHoldingRegisters(_, n), Response::ReadHoldingRegisters(words))
        | (Request::ReadInputRegisters(_, n), Response::ReadInputRegisters(words)) => (usize::from(*n), words.len()),
        (request, response) => (request.function_code().value().into(), usize::from(response.function_code().value())),
    };
    assert_eq!(asked, got, "{request:?} got {response:?}");
}

/// Whatever another master asks our server: an answer that fits a frame and the question, or a write of whole values.
pub(crate) fn pdu(data: &[u8]) {
    let tag = |name, word_type, start, bit| ServedTag {
        name: TagName::parse(name).expect("a name"),
        word_type,
        at: Address { rtu: 0, unit: 1, table: Table::HoldingRegisters, start, bit },
        order: Order::Abcd,
        scale: 1.0,
        offset: 0.0,
        length: 0,
    };
    let area = Area { unit: 1, table: Table::HoldingRegisters, start: 0, count: 200 };
    let areas = [ServedArea { area, write: true, stale: StaleAnswer::Last, status: Some(200) }];
    let tags = [
        tag("a", WordType::Float64, 0, None),
        tag("b", WordType::Bool, 8, Some(3)),
        tag("c", WordType::Int16, 9, None),
    ];
    let mut image = Image::new(0, &areas, &tags);
    image.set(0, &Reading::Good(Value::Int(5)));
    let Some((unit, pdu)) = data.split_first() else { return };
    match image.serve(unit % 3, pdu) {
        Served::Answer(said) => {
            assert!((2..=253).contains(&said.len()), "{pdu:x?} got {said:x?}");
            let asked = pdu.first().copied().unwrap_or_default();
            assert!(said[0] == asked || said[0] == asked | 0x80, "{pdu:x?} got {said:x?}");
        }
        Served::Write { values, echo } => {
            assert!(!values.is_empty() && echo.len() == 5, "{pdu:x?}");
            assert!(
                values.iter().all(|(tag, value)| *tag < 3 && value.as_f64().is_some_and(f64::is_finite)),
                "{pdu:x?}"
            );
        }
    }
}

/// Any text is a place in a device or none, and so in a site's files and on the command line. Says whether it was one.
pub(crate) fn address(text: &str) -> bool {
    drop(target(text, 9600, Parity::None, 1));
    let place: Option<Place> = text.parse().ok();
    if let Some(place) = place {
        assert_eq!(place.to_string().parse(), Ok(place), "{text:?}");
    }
    let quoted = text.replace('\'', "''");
    let client = format!(
        "rtus: [{{name: RTU, serial: /dev/ttyS0}}, {{name: P, ip: h}}]\ntags: {{T: {{type: int16, read: '{quoted}'}}}}"
    );
    let files =
        [("tags.yaml".to_owned(), b"T: {type: int}".to_vec()), ("modbusclient.yaml".to_owned(), client.into_bytes())];
    let loaded = site::load_files(std::path::Path::new("fuzz"), &files, &|_| None);
    assert!(loaded.findings.iter().all(|finding| !finding.to_string().contains('\n')), "{text:?}");
    loaded.site.is_some()
}
