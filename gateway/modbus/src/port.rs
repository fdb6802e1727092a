//! Connections and serial ports: opened, read, written.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serial2::rs4xx::{Rs485Config, TransceiverMode};
use site::{Parity, Serial, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;
use tokio_serial::{DataBits, SerialPortBuilderExt, SerialStream, StopBits};

use crate::error::LineError;

/// A connection is made within this, or tried anew: the kernel's own retry comes after a second, which is too late for
/// a device that is just back.
pub const CONNECT_TIME: Duration = Duration::from_millis(900);

/// About as much as a full pipeline of the longest answers; what a flooding device sends is taken in pieces of this and
/// thrown away.
pub(crate) const READ_BYTES: usize = 4096;

/// What lies in a serial port before a request is at most the kernel's buffer of 4096 bytes; more is babble.
const DRAIN_READS_MAX: usize = 16;

/// What bytes go over.
pub(crate) enum Port {
    Tcp(TcpStream),
    Serial(SerialStream),
    Udp(UdpSocket),
}

impl Port {
    pub(crate) async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer).await,
            Self::Serial(stream) => stream.read(buffer).await,
            Self::Udp(socket) => socket.recv(buffer).await,
        }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.write_all(bytes).await,
            Self::Serial(stream) => stream.write_all(bytes).await,
            Self::Udp(socket) => socket.send(bytes).await.map(drop),
        }
    }

    /// Throws away what a serial line gathered while nobody asked. (On TCP the transaction number does that.)
    pub(crate) fn drain(&mut self, rtu: bool) {
        if !rtu {
            return;
        }
        let mut buffer = [0; READ_BYTES];
        for _ in 0..DRAIN_READS_MAX {
            let read = match self {
                Self::Serial(stream) => stream.try_read(&mut buffer),
                Self::Tcp(stream) => stream.try_read(&mut buffer),
                Self::Udp(_) => return,
            };
            if !matches!(read, Ok(n) if n > 0) {
                return;
            }
        }
    }
}

pub(crate) async fn open(transport: &Transport) -> Result<Port, LineError> {
    match transport {
        Transport::Tcp { host, port } | Transport::RtuOverTcp { host, port } => {
            let connecting = TcpStream::connect((host.as_str(), *port));
            let connected = timeout(CONNECT_TIME, connecting).await;
            let stream = connected.map_err(|_| LineError::ConnectTimedOut(CONNECT_TIME.as_millis()))?;
            let stream = stream.map_err(LineError::Connect)?;
            // A request is one small packet that must not wait for another.
            stream.set_nodelay(true).map_err(LineError::Connect)?;
            Ok(Port::Tcp(stream))
        }
        Transport::Rtu(serial) => open_serial(serial).map(Port::Serial),
        Transport::Udp { host, port } => {
            let any = SocketAddr::from(([0, 0, 0, 0], 0));
            let opening = async {
                let socket = UdpSocket::bind(any).await?;
                socket.connect((host.as_str(), *port)).await?;
                Ok(socket)
            };
            let opened = timeout(CONNECT_TIME, opening).await;
            let socket = opened.map_err(|_| LineError::ConnectTimedOut(CONNECT_TIME.as_millis()))?;
            Ok(Port::Udp(socket.map_err(LineError::Connect)?))
        }
        Transport::Listen { .. } => unreachable!("the line opens its own door"),
    }
}

pub(crate) fn open_serial(serial: &Serial) -> Result<SerialStream, LineError> {
    let parity = match serial.parity {
        Parity::None => tokio_serial::Parity::None,
        Parity::Even => tokio_serial::Parity::Even,
        Parity::Odd => tokio_serial::Parity::Odd,
    };
    if serial.rs485 {
        // Kept by the driver for the port, also when it is opened anew.
        set_rs485(serial)?;
    }
    tokio_serial::new(serial.path.to_string_lossy(), serial.baud)
        .data_bits(DataBits::Eight)
        .parity(parity)
        .stop_bits(if serial.stop_bits == 2 { StopBits::Two } else { StopBits::One })
        .open_native_async()
        .map_err(|source| LineError::Open { path: serial.path.clone(), source })
}

/// What the kernel says to a request that a driver doesn't know: "inappropriate ioctl for device".
const ENOTTY: i32 = 25;

fn set_rs485(serial: &Serial) -> Result<(), LineError> {
    let path = || serial.path.clone();
    let failed = |source: io::Error| match source.raw_os_error() {
        Some(ENOTTY) => LineError::NoRs485 { path: path() },
        _ => LineError::Rs485 { path: path(), source },
    };
    let port = serial2::SerialPort::open(&serial.path, serial2::KeepSettings)
        .map_err(|source| LineError::Open { path: path(), source: source.into() })?;
    // RTS while sending and not after, no delays: what transceivers are wired for.
    port.set_rs4xx_mode(Rs485Config::default()).map_err(failed)?;
    // A driver may say yes and leave out what it can't do.
    match port.get_rs4xx_mode().map_err(failed)? {
        TransceiverMode::Rs485(_) => Ok(()),
        _ => Err(LineError::NoRs485 { path: path() }),
    }
}
