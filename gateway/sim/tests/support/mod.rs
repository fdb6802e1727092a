//! Clients nobody here wrote.

use std::path::Path;
use std::time::Duration;

use forebay_sim::Handle;
use tokio_modbus::client::Context;
use tokio_modbus::prelude::*;
use tokio_serial::{SerialPortBuilderExt, SerialStream};

/// Far longer than anything here takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A TCP client of a plant of one PLC.
pub(crate) async fn connect(plc: &Handle, unit: u8) -> Context {
    tcp::connect_slave(plc.tcp_addr("plc"), Slave(unit)).await.unwrap()
}

/// A serial client.
pub(crate) fn open(path: &Path, unit: u8) -> Context {
    rtu::attach_slave(raw(path), Slave(unit))
}

/// A serial port as a master opens it.
pub(crate) fn raw(path: &Path) -> SerialStream {
    tokio_serial::new(path.to_string_lossy(), 9600).open_native_async().unwrap()
}
