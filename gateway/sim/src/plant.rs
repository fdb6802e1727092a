//! A whole plant, without sockets: time passes, bytes come, and it says what to send and when.

use std::time::Duration;

use crate::device::{Device, Reply, nobody};
use crate::dice::Dice;
use crate::frame::{Frame, Framing, Rubbish};
use crate::map::{Point, World, build};
use crate::model::{Demo, Machine, Station, Trouble};
use crate::registers::At;
use crate::spec::{DeviceSpec, Faults, Spec, Wire};
use crate::words::{Kind, Order};

/// The first bad thing happens this much sooner than the others: nobody wants to wait for a demo.
const FIRST_FAULT_SHARE: f64 = 0.5;

/// Devices on their lines, and the world they measure and move.
pub struct Plant {
    world: World,
    lines: Vec<Line>,
    devices: Vec<Member>,
    faults: Option<Faults>,
    fault_in: f64,
    dice: Dice,
}

struct Line {
    name: String,
    framing: Framing,
    members: Vec<usize>,
}

struct Member {
    device: Device,
    points: Vec<Point>,
}

impl Plant {
    /// A plant as it stands at `wall_us`, µs since 1970.
    #[allow(clippy::cast_precision_loss, reason = "µs are exact up to the year 2255")]
    pub fn new(spec: &Spec, wall_us: u64) -> Self {
        let wall = wall_us as f64 / 1e6;
        let world = World { demo: Demo::new(wall), station: Station::new(wall, spec.seed) };
        let fault_in = spec.faults.as_ref().map_or(0.0, |faults| faults.every_s * FIRST_FAULT_SHARE);
        let mut plant = Self {
            world,
            lines: Vec::new(),
            devices: Vec::new(),
            faults: spec.faults.clone(),
            fault_in,
            dice: Dice::new(spec.seed),
        };
        for line in &spec.lines {
            let framing = if matches!(line.wire, Wire::Tcp(_)) { Framing::Tcp } else { Framing::Rtu };
            let members = line.devices.iter().map(|device| plant.join(device)).collect();
            plant.lines.push(Line { name: line.name.clone(), framing, members });
        }
        plant
    }

    fn join(&mut self, spec: &DeviceSpec) -> usize {
        let (registers, points) = build(spec.is, spec.words);
        let device = Device::new(&spec.name, spec.unit, registers, self.dice.bits());
        self.devices.push(Member { device, points });
        let number = self.devices.len() - 1;
        self.show(number);
        number
    }

    /// Time passes.
    pub fn step(&mut self, dt: Duration) {
        let seconds = dt.as_secs_f64();
        // A plant of blank devices has no world, and a long simulation of one need not pay for it.
        if self.devices.iter().any(|member| !member.points.is_empty()) {
            self.world.demo.step(seconds);
            self.world.station.step(seconds);
        }
        for member in &mut self.devices {
            member.device.step(dt);
        }
        if let Some(faults) = self.faults.clone() {
            self.fault_in -= seconds;
            if self.fault_in <= 0.0 {
                self.fault_in = faults.every_s * self.dice.between(0.7, 1.3);
                self.strike(&faults);
            }
        }
    }

    /// Something goes wrong: a turbine trips, leaves come, or a device falls silent.
    fn strike(&mut self, faults: &Faults) {
        let kinds = if faults.silent.is_empty() { 2 } else { 3 };
        match self.dice.pick(kinds) {
            0 => {
                let which = self.dice.pick(2);
                log::info!("turbine {} trips", which + 1);
                self.befall(Trouble::Trip(which));
            }
            1 => {
                log::info!("leaves clog the rack");
                self.befall(Trouble::Leaves);
            }
            _ => {
                let name = &faults.silent[self.dice.pick(faults.silent.len())];
                log::info!("{name} is silent for {} s", faults.silent_s);
                if let Some(device) = self.device_mut(name) {
                    device.fall_silent(faults.silence());
                }
            }
        }
    }

    /// Something goes wrong at the station.
    pub fn befall(&mut self, trouble: Trouble) {
        self.world.station.befall(trouble);
    }

    /// The figures of the machine under the simulation.
    pub fn feel(&mut self, machine: Machine) {
        self.world.demo.feel(machine);
    }

    /// The station, to look at.
    pub fn station(&self) -> &Station {
        &self.world.station
    }

    /// The number of a line, for [`Plant::hear`].
    pub fn line(&self, name: &str) -> Option<usize> {
        self.lines.iter().position(|line| line.name == name)
    }

    /// Bytes came on a line: takes every whole request out of `heard` and says what the devices do, in order. The
    /// delay of each reply counts from the one before it.
    pub fn hear(&mut self, line: usize, heard: &mut Vec<u8>) -> Result<Vec<Reply>, Rubbish> {
        let mut replies = Vec::new();
        while let Some(request) = self.lines[line].framing.cut(heard)? {
            replies.extend(self.answer(line, &request));
        }
        Ok(replies)
    }

    /// What the devices of a line do about one request.
    pub fn answer(&mut self, line: usize, request: &Frame) -> Vec<Reply> {
        let Line { framing, ref members, .. } = self.lines[line];
        let members = members.clone();
        if framing == Framing::Rtu && request.unit == 0 {
            for number in members {
                self.show(number);
                self.devices[number].device.overhear(request);
                self.take(number);
            }
            return Vec::new();
        }
        let alone = framing == Framing::Tcp && members.len() == 1;
        // A device that is alone at its address also answers to the units that mean "you there".
        let meant = |unit: u8| request.unit == unit || alone && matches!(request.unit, 0 | 255);
        let Some(number) = members.into_iter().find(|number| meant(self.devices[*number].device.unit())) else {
            return nobody(framing, request);
        };
        self.show(number);
        let replies = self.devices[number].device.answer(framing, request);
        self.take(number);
        replies
    }

    /// What the devices are called, in the order of their lines.
    pub fn device_names(&self) -> Vec<&str> {
        self.devices.iter().map(|member| member.device.name()).collect()
    }

    /// A device, to look at.
    pub fn device(&self, name: &str) -> Option<&Device> {
        self.devices.iter().map(|member| &member.device).find(|device| device.name() == name)
    }

    /// A device, to command.
    pub fn device_mut(&mut self, name: &str) -> Option<&mut Device> {
        self.devices.iter_mut().map(|member| &mut member.device).find(|device| device.name() == name)
    }

    /// The device's own words; `None` where it has none.
    pub fn peek(&mut self, device: &str, at: At, count: u16) -> Option<Vec<u16>> {
        let number = self.number(device)?;
        self.show(number);
        self.devices[number].device.registers.read(at, count).ok()
    }

    /// The number in the device's own words.
    pub fn peek_value(&mut self, device: &str, at: At, kind: Kind, order: Order) -> Option<f64> {
        self.peek(device, at, kind.words()).map(|words| kind.decode(order, &words))
    }

    /// Changes the device's own words, as a hand at the PLC does. What is measured is soon measured again.
    pub fn poke(&mut self, device: &str, at: At, words: &[u16]) -> Option<()> {
        let number = self.number(device)?;
        self.show(number);
        self.devices[number].device.registers.poke(at, words);
        let count = u16::try_from(words.len()).ok()?;
        self.pass_on(number, crate::Span { at, count });
        Some(())
    }

    fn number(&self, device: &str) -> Option<usize> {
        self.devices.iter().position(|member| member.device.name() == device)
    }

    /// The device's registers show what the world is now.
    fn show(&mut self, number: usize) {
        let Member { device, points } = &mut self.devices[number];
        for point in points {
            point.show(&self.world, &mut device.registers);
        }
    }

    /// The world is told what masters wrote.
    fn take(&mut self, number: usize) {
        for span in self.devices[number].device.registers.take_written() {
            self.pass_on(number, span);
        }
    }

    fn pass_on(&mut self, number: usize, span: crate::Span) {
        let Member { device, points } = &self.devices[number];
        for point in points {
            point.take(span, &device.registers, &mut self.world);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Behaviour;

    const WALL: u64 = 1_764_000_000_000_000;

    fn shipped() -> Plant {
        let spec = Spec::parse(include_str!("../../../config/plant.yaml"), |_| None).unwrap();
        Plant::new(&spec, WALL)
    }

    fn ask(plant: &mut Plant, line: &str, unit: u8, pdu: &[u8]) -> Vec<Reply> {
        let line = plant.line(line).unwrap();
        plant.answer(line, &Frame { transaction: 1, unit, pdu: pdu.to_vec() })
    }

    fn value(plant: &mut Plant, device: &str, at: &str, kind: Kind) -> f64 {
        plant.peek_value(device, at.parse().unwrap(), kind, Order::Abcd).unwrap()
    }

    #[test]
    fn a_set_point_is_written_clamped_and_followed() {
        let mut plant = shipped();
        let written = ask(&mut plant, "demo", 1, &[6, 0, 0, 0x01, 0x00]);
        assert_eq!(written.len(), 1);
        assert_eq!(value(&mut plant, "plc1", "4x:1", Kind::Int16), 100.0, "256 is clamped, as a PLC does");
        plant.step(Duration::from_secs(12));
        assert_eq!(value(&mut plant, "plc1", "4x:2", Kind::Int16), 100.0);
        plant.poke("plc1", At::holding(1), &[7]).unwrap();
        plant.step(Duration::from_secs(12));
        assert_eq!(value(&mut plant, "plc1", "4x:2", Kind::Int16), 7.0);
    }

    #[test]
    fn what_is_measured_can_not_be_written() {
        let mut plant = shipped();
        for (line, unit, address) in [("demo", 1, 1), ("station", 1, 10), ("fan", 5, 11)] {
            let replies = ask(&mut plant, line, unit, &[6, 0, address, 0, 1]);
            let [Reply { act: crate::Act::Send(bytes), .. }] = &replies[..] else { panic!("{replies:?}") };
            let exception = if line == "fan" { &bytes[1..3] } else { &bytes[7..9] };
            assert_eq!(exception, [0x86, 2], "{line}");
        }
    }

    #[test]
    fn a_number_that_is_none_changes_nothing() {
        let mut plant = shipped();
        let nan = Kind::Float32.encode(Order::Abcd, f64::NAN);
        plant.poke("plc1", At::holding(3), &nan).unwrap();
        assert_eq!(value(&mut plant, "plc1", "4x:3", Kind::Float32), 2.0);
    }

    #[test]
    fn units_that_are_not_there_are_silent_in_rtu_and_a_gateways_exception_in_tcp() {
        let mut plant = shipped();
        assert_eq!(ask(&mut plant, "fan", 77, &[3, 0, 0, 0, 1]), []);
        let replies = ask(&mut plant, "station", 77, &[3, 0, 0, 0, 1]);
        let [Reply { act: crate::Act::Send(bytes), .. }] = &replies[..] else { panic!("{replies:?}") };
        assert_eq!(bytes[7..], [0x83, 0x0B]);
        assert_eq!(ask(&mut plant, "demo", 255, &[3, 0, 0, 0, 1]).len(), 1, "alone at its address");
        assert_eq!(ask(&mut plant, "fan", 0, &[6, 0, 0, 0, 1]), [], "broadcast: carried out, not answered");
        assert_eq!(value(&mut plant, "fan", "4x:1", Kind::Int16), 1.0);
    }

    #[test]
    fn trouble_comes_every_few_minutes_and_goes() {
        // The shipped plant for six simulated hours: trips, leaves and silences all happen, and all end.
        let mut plant = shipped();
        let (mut tripped, mut clogged, mut silent) = (0, 0, 0);
        for _ in 0..6 * 3600 {
            plant.step(Duration::from_secs(1));
            let alarms = value(&mut plant, "station", "4x:21", Kind::Uint16) as u16;
            clogged += u32::from(alarms & 1 != 0);
            tripped += u32::from(alarms & 0b1_1000 != 0);
            let quiet = |name: &str| plant.device(name).unwrap().behaviour() == &Behaviour::Silent;
            silent += u32::from(quiet("meter") || quiet("fan"));
        }
        for (what, seconds) in [("tripped", tripped), ("clogged", clogged), ("silent", silent)] {
            assert!((60..6 * 3600 / 3).contains(&seconds), "{what} for {seconds} s of six hours");
        }
    }

    #[test]
    fn the_same_seed_is_the_same_plant() {
        let (mut one, mut other) = (shipped(), shipped());
        for _ in 0..1000 {
            one.step(Duration::from_millis(700));
            other.step(Duration::from_millis(700));
        }
        let all = |plant: &mut Plant| plant.peek("station", At::holding(1), 130).unwrap();
        assert_eq!(all(&mut one), all(&mut other));
    }
}
