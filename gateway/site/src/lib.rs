//! The site's YAML, checked.
//!
//! In: a folder of YAML files as pymscada reads them (anchors, `<<` merges, several documents, `${NAME}`), and the
//! environment as an argument. Out: one [`Site`], or every mistake of all files at once, each with file, line, column,
//! what was found, what was expected and what was probably meant; and the help text of each file.
//! Never: talks to a device or a bus, starts anything, or guesses what a site meant and goes on in silence.
//!
//! The way of a file: `marked` (text to a tree that knows its places) → `fields` (a mapping held against its table in
//! `keys`) → `load` (what goes beyond one value) → [`Site`]. `help` prints the same tables.

mod device;
mod fields;
mod finding;
mod help;
mod hint;
mod keys;
mod load;
mod marked;
mod modbus;
mod modbus_server;
mod pages;
mod report;
mod scalar;
mod starter;
mod whole;

/// The environment, as a function of a variable's name: `&|name| std::env::var(name).ok()`.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

pub use device::{Device, Register};
pub use finding::{Excerpt, Finding, Pos, Severity};
pub use help::{help, help_files};
pub use load::{DEVICES_VARIABLE, Devices, File, Loaded, load_device, load_dir, load_files, load_module, read_device};
pub use modbus::{
    Address, Area, Form, ModbusClient, ModbusTag, Model, Order, Parity, Rtu, Serial, Table, Transport, WordType,
};
pub use modbus_server::{Door, DoorAt, ModbusServer, ServedArea, ServedTag, StaleAnswer};
pub use pages::{Item, ItemTag, Page, WwwServer};
pub use starter::starter;
pub use whole::{Bus, BusAddress, History, Site, Unbuilt};
