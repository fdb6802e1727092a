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
mod tests;
