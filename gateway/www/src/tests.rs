//! The window from outside: real HTTP and WebSockets against [`crate::run`], with a stand-in for the bus.

mod claim;
mod door;
mod limits;
mod modbus;
mod phone;
mod stage;
mod tables;
mod talk;
mod trends;
