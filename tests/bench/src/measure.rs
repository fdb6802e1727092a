//! The measurements, one file each.

pub(crate) mod answer;
pub(crate) mod chromium;
pub(crate) mod history;
pub(crate) mod latency;
pub(crate) mod memory;
pub(crate) mod modbus;
pub(crate) mod page;
pub(crate) mod stalled;
pub(crate) mod start;
pub(crate) mod throughput;
pub(crate) mod window;
