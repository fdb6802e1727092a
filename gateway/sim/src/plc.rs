//! A PLC for a test, in one sentence: `Plc::new().register(101, 0x41A4).silent_after(3).start().await`.

use tokio_modbus::ExceptionCode;

use crate::lines::StartError;
use crate::map::Profile;
use crate::plant::Plant;
use crate::sim::{Handle, Sim};
use crate::spec::{DeviceSpec, LineSpec, Spec, Wire};
use crate::{Access, At, Behaviour, Kind, Order, Registers, Table};

/// One device, called `plc`, on one line, called `plc` too; unit 1 unless it is told another.
#[derive(Debug, Clone)]
pub struct Plc {
    unit: u8,
    serial: bool,
    seed: u64,
    registers: Registers,
    behaviour: Behaviour,
    then: Vec<(u32, Behaviour)>,
}

impl Plc {
    /// The name of the device and of its line.
    pub const NAME: &'static str = "plc";

    /// A PLC that holds nothing and answers on a free port.
    pub fn new() -> Self {
        let registers = Registers::default();
        Self { unit: 1, serial: false, seed: 1, registers, behaviour: Behaviour::Normal, then: Vec::new() }
    }

    /// It answers to this unit id.
    pub fn unit(mut self, unit: u8) -> Self {
        self.unit = unit;
        self
    }

    /// It is on a serial line, a pseudo-terminal, instead of TCP.
    pub fn serial(mut self) -> Self {
        self.serial = true;
        self
    }

    /// The seed of its chances.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// It has this holding register, counted from 1 as the YAML does.
    pub fn register(self, number: u16, word: u16) -> Self {
        self.registers(number, &[word])
    }

    /// It has these holding registers.
    pub fn registers(mut self, number: u16, words: &[u16]) -> Self {
        self.registers.poke(At::holding(number), words);
        self
    }

    /// It has so many holding registers from `4x:1`, all 0.
    pub fn blank(mut self, count: u16) -> Self {
        self.registers.define(At::holding(1), count, Access::Writable);
        self
    }

    /// It keeps a number there: `.holds("3x:1", Kind::Float32, Order::Cdab, 20.5)`. Input registers and discrete
    /// inputs can't be written by a master in any case.
    pub fn holds(mut self, at: &str, kind: Kind, order: Order, value: f64) -> Self {
        let at: At = at.parse().unwrap_or_else(|error| panic!("{error}"));
        self.registers.poke(at, &kind.encode(order, value));
        self
    }

    /// It has this coil, counted from 1.
    pub fn coil(mut self, number: u16, on: bool) -> Self {
        let at = At { table: Table::Coils, ..At::holding(number) };
        self.registers.poke(at, &[u16::from(on)]);
        self
    }

    /// A master can't write this holding register.
    pub fn read_only(mut self, number: u16) -> Self {
        self.registers.define(At::holding(number), 1, Access::ReadOnly);
        self
    }

    /// It behaves so from the start.
    pub fn behaves(mut self, behaviour: Behaviour) -> Self {
        self.behaviour = behaviour;
        self
    }

    /// After so many more requests it behaves so.
    pub fn then_after(mut self, requests: u32, behaviour: Behaviour) -> Self {
        self.then.push((requests, behaviour));
        self
    }

    /// It answers so many requests and then none.
    pub fn silent_after(self, requests: u32) -> Self {
        self.then_after(requests, Behaviour::Silent)
    }

    /// Each answer takes this long.
    pub fn slow_ms(self, ms: u64) -> Self {
        self.behaves(Behaviour::slow_ms(ms))
    }

    /// It says no to everything.
    pub fn refuses(self, code: ExceptionCode) -> Self {
        self.behaves(Behaviour::Refuse(code))
    }

    /// It without sockets, for a stepped simulation; its line is number 0.
    pub fn plant(self) -> Plant {
        let spec = self.spec();
        self.furnish(&spec)
    }

    /// Starts it.
    pub async fn start(self) -> Result<Handle, StartError> {
        let spec = self.spec();
        let plant = self.furnish(&spec);
        Sim::start_plant(&spec, plant).await
    }

    fn spec(&self) -> Spec {
        let wire = if self.serial { Wire::Pty(None) } else { Wire::Tcp(([127, 0, 0, 1], 0).into()) };
        let device = DeviceSpec { name: Self::NAME.to_owned(), unit: self.unit, is: Profile::Blank, words: 0 };
        let line = LineSpec { name: Self::NAME.to_owned(), wire, devices: vec![device] };
        Spec { seed: self.seed, pace: 1.0, faults: None, lines: vec![line] }
    }

    fn furnish(self, spec: &Spec) -> Plant {
        let mut plant = Plant::new(spec, 0);
        let device = plant.device_mut(Self::NAME).expect("just described");
        device.registers = self.registers;
        device.behave(self.behaviour);
        for (requests, behaviour) in self.then {
            device.then_after(requests, behaviour);
        }
        plant
    }
}

impl Default for Plc {
    fn default() -> Self {
        Self::new()
    }
}
