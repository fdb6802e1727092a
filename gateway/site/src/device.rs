//! A device described once (`devices/NAME.yaml`): its registers and what its tags hold.

use tag::TagDef;

use crate::ModbusTag;

/// A device's file, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Device {
    /// The file's name without `.yaml`: what a site calls it by.
    pub name: String,
    /// What it is.
    pub desc: String,
    /// Where its numbers were taken from.
    pub source: Vec<String>,
    /// What is added to every address. `None`: a site has to say it.
    pub base: Option<u16>,
    /// The SunSpec models that it describes, by the number in their first register. Empty: no SunSpec model.
    pub sunspec: Vec<u16>,
    /// What can be read and written, in the file's order.
    pub registers: Vec<Register>,
}

/// One register of a device, or several that make one value.
#[derive(Debug, Clone, PartialEq)]
pub struct Register {
    /// The value in the device. Connection and unit of its addresses are 0; a site's come in their place.
    pub value: ModbusTag,
    /// The tag it becomes, by its name in the device's file; a site puts its prefix before it.
    pub tag: TagDef,
}
