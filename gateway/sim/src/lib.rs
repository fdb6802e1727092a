//! A pretend plant: Modbus devices over TCP and serial lines that can be slow, silent and wrong.
//!
//! In: a plant's description ([`Spec`], `plant.yaml`) or a sentence of a test ([`Plc`]), requests of masters, commands
//! of a test. Out: answers, wrong ones on demand, and registers that move as a small hydro station does.
//! Pure in the middle: [`Plant`] takes the time that passes and the bytes that come, and says what to send and when; a
//! stepped simulation uses it as it is, and [`Sim`] puts sockets around it.
//! Never: in an image, or needed by a daemon. It shares no code with the master it tests.

pub mod control;
pub mod model;

mod behaviour;
mod device;
mod dice;
mod frame;
mod lines;
mod machine;
mod map;
mod pdu;
mod plant;
mod plc;
mod registers;
mod serve;
mod sim;
mod spec;
mod words;

pub use behaviour::{Behaviour, BehaviourError, Lie};
pub use device::{Act, Device, Reply};
pub use dice::Dice;
pub use frame::{Frame, Framing, Rubbish, crc};
pub use lines::StartError;
pub use map::Profile;
pub use plant::Plant;
pub use plc::Plc;
pub use registers::{Access, At, AtError, Registers, Span, Table};
pub use sim::{HandError, Handle, Sim};
pub use spec::{DeviceSpec, Faults, LineSpec, Spec, SpecError, Wire};
pub use words::{Kind, Order};
