//! The shipped binary: every daemon and every command in one, told apart by its first word or by the name it was called.
//!
//! In: the command line. Out: a running site, one daemon, or an answer on standard output. Never: decides anything a
//! room decides; it reads the site, opens what can fail, and hands both over.

mod applet;
mod args;
mod check;
mod claim_code;
mod daemons;
mod fail;
mod init_values;
#[cfg(feature = "modbus")]
mod modbus_tools;
mod one;
#[cfg(feature = "history")]
mod past;
#[cfg(not(feature = "history"))]
#[path = "no_past.rs"]
mod past;
mod run_site;
mod say;
mod take_site;
mod tools;
mod values;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Command};

fn main() -> ExitCode {
    let args = Args::parse_from(applet::spell_out(std::env::args_os()));
    shell::log_to(shell::LogTarget::Auto, args.level());
    match dispatch(args) {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

fn dispatch(args: Args) -> Result<ExitCode, fail::Failure> {
    match args.command {
        Command::Run(run) => run_site::run(&run),
        Command::Bus(one) => one::run("bus", &one),
        #[cfg(feature = "modbus")]
        Command::Modbus(args::Modbus { tool: Some(tool), .. }) => modbus_tools::run(&tool),
        Command::Modbus(modbus) => one::run("modbusclient", &modbus.one),
        Command::ModbusServer(one) => one::run("modbusserver", &one),
        Command::History(history) => match &history.tool {
            None => one::run("history", &history.one),
            Some(tool) => past::run(tool),
        },
        Command::Www(www) => one::run_www(&www),
        Command::InitValues(one) => one::run("initvalues", &one),
        Command::Get(get) => tools::get(&get),
        Command::Set(set) => tools::set(&set),
        Command::Watch(watch) => tools::watch(&watch),
        Command::List(list) => tools::list(&list),
        Command::Link(link) => run_site::link(&link),
        Command::Check(check) => check::check(&check),
        Command::TakeSite(take) => take_site::take_site(&take),
        Command::ClaimCode(code) => claim_code::claim_code(&code),
        Command::Help(help) => check::help(&help),
        Command::Init(init) => check::init(&init),
        Command::Unbuilt(words) => one::unbuilt(&words),
    }
}
