//! What may be said on the command line. The doc comments are the help texts.

mod history;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};
use log::LevelFilter;

pub(crate) use history::{Export, HistoryTool, Import, StoreAt};

/// An edge gateway: polls PLCs and meters over Modbus, keeps their history, and serves a page that never lies.
///
/// A site is a folder of YAML files; a module runs when its file is in it. `forebay init DIR` writes a folder to start
/// from, `forebay check DIR` finds every mistake in it, `forebay run DIR` runs it.
#[derive(Debug, Parser)]
#[command(name = "forebay", version, disable_help_subcommand = true, max_term_width = 100)]
pub(crate) struct Args {
    /// Say more in the log; twice: everything.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,

    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Args {
    pub(crate) fn level(&self) -> LevelFilter {
        match self.verbose {
            0 => LevelFilter::Info,
            1 => LevelFilter::Debug,
            _ => LevelFilter::Trace,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run every module of a site in one process.
    Run(Run),
    /// Run the bus alone.
    Bus(One),
    /// Run the Modbus client alone, or ask a device something (`forebay modbus read --help`).
    #[command(visible_alias = "modbusclient")]
    Modbus(Modbus),
    /// Run the Modbus server alone: tags for other masters and panels.
    #[command(name = "modbusserver")]
    ModbusServer(One),
    /// Run the history alone, or look after its store: `forebay history stats`.
    History(History),
    /// Run the web server alone.
    #[command(visible_alias = "wwwserver")]
    Www(Www),
    /// Give tags nobody owns and nobody has set their `init`, then exit.
    #[command(name = "initvalues")]
    InitValues(One),
    /// Print tags: value, quality, age.
    Get(Get),
    /// Set a tag and wait for what becomes of it.
    Set(Set),
    /// Print tags whenever they change.
    Watch(Watch),
    /// List the bus's tags and their owners.
    List(List),
    /// Print a fresh one-time link to the page of the running site.
    Link(Where),
    /// Check a site's folder: every mistake of all files, with file, line and column.
    Check(Check),
    /// Check a site that was brought to the box and copy it to where the daemons read; keep the last good one if it has
    /// mistakes.
    ///
    /// Ends with 0 when the site was taken, is unchanged, or nobody brought one and the last one is good; with 3 when the
    /// last good one was kept; with 4 when there is no good site at all.
    #[command(name = "take-site")]
    TakeSite(TakeSite),
    /// Print the code that admits a browser to the page of a box nobody has claimed yet.
    #[command(name = "claim-code")]
    ClaimCode(ClaimCode),
    /// Explain a site's file, key by key: `forebay help tags.yaml`.
    Help(Help),
    /// Write a commented site to start from.
    Init(Init),
    #[command(external_subcommand)]
    Unbuilt(Vec<String>),
}

/// Which running site is meant.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Where {
    /// The folder of its sockets and keys [default: $FOREBAY_RUNTIME, systemd's, or the user's own].
    #[arg(long, value_name = "DIR")]
    pub(crate) runtime: Option<PathBuf>,
    /// The port of its bus.
    #[arg(long, value_name = "PORT", default_value_t = 1324)]
    pub(crate) bus_port: u16,
}

/// Folders of a daemon.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Folders {
    /// The folder of sockets and keys [default: $FOREBAY_RUNTIME, systemd's, or the user's own].
    #[arg(long, value_name = "DIR")]
    pub(crate) runtime: Option<PathBuf>,
    /// The folder of what must survive a restart [default: $FOREBAY_STATE, systemd's, or the user's own].
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// The folder of the built page [default: $FOREBAY_WEB, ../share/forebay/web, or the checkout's web/dist].
    #[arg(long, value_name = "DIR")]
    pub(crate) web: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Run {
    /// The site's folder.
    pub(crate) site: PathBuf,
    /// Serve the page on this port instead of the site's.
    #[arg(long, value_name = "PORT")]
    pub(crate) port: Option<u16>,
    /// Use this port for the bus instead of the site's.
    #[arg(long, value_name = "PORT")]
    pub(crate) bus_port: Option<u16>,
    /// End by itself after so many seconds.
    #[arg(long = "for", value_name = "SECONDS", value_parser = seconds)]
    pub(crate) for_: Option<Duration>,
    #[command(flatten)]
    pub(crate) folders: Folders,
}

#[derive(Debug, clap::Args)]
pub(crate) struct One {
    /// The module's file [default: the module's name with .yaml].
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The site's tags.
    #[arg(long, value_name = "FILE")]
    pub(crate) tags: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) folders: Folders,
}

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Modbus {
    #[cfg(feature = "modbus")]
    #[command(subcommand)]
    pub(crate) tool: Option<crate::modbus_tools::Tool>,
    #[command(flatten)]
    pub(crate) one: One,
}

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct History {
    #[command(flatten)]
    pub(crate) one: One,
    #[command(subcommand)]
    pub(crate) tool: Option<HistoryTool>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Www {
    #[command(flatten)]
    pub(crate) one: One,
    #[command(flatten)]
    pub(crate) on_box: OnBox,
}

/// What a box needs of the web server beyond its site.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct OnBox {
    /// The findings `forebay take-site` left: the page shows them. With this, a site that can't run doesn't end the web
    /// server; it serves a page that says what is wrong.
    #[arg(long, value_name = "FILE")]
    pub(crate) findings: Option<PathBuf>,
    /// Where the page listens when there is no site to say so.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "0.0.0.0:8324")]
    pub(crate) without_site: SocketAddr,
    /// The box's claim code: while this file exists, typing the code at the page admits a browser.
    #[arg(long, value_name = "FILE")]
    pub(crate) claim_file: Option<PathBuf>,
}

impl OnBox {
    /// Is this a box, and not somebody's command line?
    pub(crate) fn is_box(&self) -> bool {
        self.findings.is_some() || self.claim_file.is_some()
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct TakeSite {
    /// The folder somebody brought.
    #[arg(long, value_name = "DIR")]
    pub(crate) from: PathBuf,
    /// The folder the daemons read: replaced in one step. `DIR.new` beside it is used meanwhile.
    #[arg(long, value_name = "DIR")]
    pub(crate) to: PathBuf,
    /// Leave the findings here for the page, as JSON; removed when all is well.
    #[arg(long, value_name = "FILE")]
    pub(crate) findings: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ClaimCode {
    /// The file of the code: 8 or more of 0-9 and A-Z without I, L, O and U; dashes, blanks and case don't count.
    pub(crate) file: PathBuf,
    /// Make a code if there is none, readable by the file's owner and group alone.
    #[arg(long)]
    pub(crate) make: bool,
    /// Print nothing if this file exists: the web server's `claimed`, in its state folder.
    #[arg(long, value_name = "FILE")]
    pub(crate) unless: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Get {
    /// Which tags.
    #[arg(required = true)]
    pub(crate) tags: Vec<String>,
    #[command(flatten)]
    pub(crate) at: Where,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Set {
    /// Which tag.
    pub(crate) tag: String,
    /// The value: a number, JSON for a list or mapping, or text.
    #[arg(allow_hyphen_values = true)]
    pub(crate) value: String,
    /// Take the value as text even if it looks like a number.
    #[arg(long)]
    pub(crate) text: bool,
    /// Give up after so many seconds.
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub(crate) within: Duration,
    #[command(flatten)]
    pub(crate) at: Where,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Watch {
    /// Which tags.
    #[arg(required = true)]
    pub(crate) tags: Vec<String>,
    /// Every sample instead of the latest.
    #[arg(long)]
    pub(crate) every: bool,
    /// End after so many seconds.
    #[arg(long = "for", value_name = "SECONDS", value_parser = seconds)]
    pub(crate) for_: Option<Duration>,
    #[command(flatten)]
    pub(crate) at: Where,
}

#[derive(Debug, clap::Args)]
pub(crate) struct List {
    /// `^start`, `end$`, or a part of the name; nothing: all.
    #[arg(default_value = "")]
    pub(crate) text: String,
    #[command(flatten)]
    pub(crate) at: Where,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    /// The site's folder.
    pub(crate) site: PathBuf,
    /// Take warnings for errors.
    #[arg(long)]
    pub(crate) strict: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Help {
    /// A site's file: `tags.yaml`, `modbusclient.yaml`, …; nothing: which there are.
    pub(crate) file: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Init {
    /// The folder to write; must not exist or be empty.
    pub(crate) dir: PathBuf,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "expected a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}
