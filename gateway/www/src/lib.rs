//! The window: one session per phone, the page, the API.
//!
//! In: readings and write outcomes from the bus; requests of browsers that opened a one-time link or typed the claim
//! code of a box. Out: the page's
//! files, one WebSocket conversation per open page (`PAGE.md`), trends, writes to the tags' owners. Never: decides how
//! fresh a value is, shows a write as done before its owner said so, or answers anything a route has no policy for.
//!
//! A value's way: [`run`] → `hub` → [`watch`] (who shows it, latest only) → `socket` → [`speak`] → the phone; a write's
//! way back: `socket` → [`speak`] → `hub` → [`setpoint`] → the bus. A request's way: `serve` → `gate` (the one
//! auth layer, by the table in `routes`) → `routes` → `assets`, `trend`, `api`, `source`, `socket`.

mod answers;
mod api;
mod asks;
mod assets;
mod auth;
mod bus_end;
mod claim;
mod command;
mod config;
mod error;
mod findings;
mod gate;
mod handshake;
mod house;
mod hub;
mod limit;
mod modbus;
mod origin;
pub mod plant;
mod routes;
mod run;
mod serve;
mod sessions;
pub mod setpoint;
mod socket;
mod source;
pub mod speak;
mod trend;
pub mod watch;
mod writes;

#[cfg(test)]
mod tests;

pub use assets::{AssetsError, check_assets};
pub use auth::{LINK_LIFE, LinkError, mint_link};
pub use bus_end::BusEnd;
pub use claim::{ClaimCode, ClaimError};
pub use config::{Config, ConfigError, PageTag};
pub use error::{BindError, RunError};
pub use findings::{Finding, Mistakes, Runs, Severity, parse_findings, read_findings};
pub use run::{Door, bind, run};
pub use source::{Connection, Source};
