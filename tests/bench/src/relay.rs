//! The bare relay: what comes from the first connection goes to the second, with nothing in between. The least that two
//! hops over TCP can cost.

use std::io::{self, BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use tokio::net::{TcpListener, TcpStream};

use crate::Bench;
use crate::fail::{Doing, Fail};
use crate::process::Process;

/// What one read takes.
const READ_BYTES: usize = 64 << 10;

/// Runs until it is killed; says its address on stdout.
pub(crate) fn serve() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.and_then(|runtime| runtime.block_on(pairs())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("relay: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Starts it as a process of its own.
pub(crate) fn start(bench: &Bench, folder: &Path) -> Result<(Process, SocketAddr), Fail> {
    let mut command = Command::new(bench.bin.join("forebay-bench"));
    let mut process = Process::start(command.arg("--relay").stdout(Stdio::piped()), folder, "relay")?;
    let mut line = String::new();
    let stdout = process.stdout().doing("the relay has no stdout")?;
    BufReader::new(stdout).read_line(&mut line).doing("asking the relay where it is")?;
    let address = line.trim().parse().doing("asking the relay where it is")?;
    Ok((process, address))
}

#[allow(clippy::print_stdout, reason = "the one line its caller waits for")]
async fn pairs() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    io::stdout().flush()?;
    loop {
        let (from, _) = listener.accept().await?;
        let (to, _) = listener.accept().await?;
        from.set_nodelay(true)?;
        to.set_nodelay(true)?;
        // A connection that ends is how a round ends.
        let _ = pass_on(&from, &to).await;
    }
}

async fn pass_on(from: &TcpStream, to: &TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; READ_BYTES];
    loop {
        from.readable().await?;
        let n = match from.try_read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        };
        let mut left = &buffer[..n];
        while !left.is_empty() {
            match to.try_write(left) {
                Ok(n) => left = &left[n..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => to.writable().await?,
                Err(error) => return Err(error),
            }
        }
    }
}
