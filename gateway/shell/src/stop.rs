//! Stopping is an argument.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How long a daemon may take to finish after it was told to stop; past it the process ends anyway.
pub const GRACE: Duration = Duration::from_secs(5);

/// A token that SIGTERM and SIGINT cancel. Must be called inside a runtime.
pub fn stop_on_signal() -> io::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let mut term = signal(SignalKind::terminate())?;
    let mut int = signal(SignalKind::interrupt())?;
    let token = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = term.recv() => log::info!("stopping: SIGTERM"),
            _ = int.recv() => log::info!("stopping: SIGINT"),
        }
        token.cancel();
    });
    Ok(stop)
}
