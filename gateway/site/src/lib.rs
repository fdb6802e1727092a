//! The site's YAML, checked.
mod modbus;
mod pages;
mod whole;
pub use modbus::{
    Address, Area, Form, ModbusClient, ModbusTag, Order, Parity, Rtu, Serial, Table, Transport, WordType,
};
pub use pages::{Item, ItemTag, Page, WwwServer};
pub use whole::{Bus, BusAddress, History, Site, Unbuilt};
