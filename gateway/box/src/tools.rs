//! `forebay get`, `set`, `watch` and `list`: the bus from a command line.

use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use link::{Event, Link, LinkConfig, Outcome};
use shell::{Clock, Paths, SystemClock};
use tag::{Delivery, TagName};

use crate::args::{self, Where};
use crate::fail::Failure;
use crate::{say, values};

/// How long a bus on this machine may take to answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);

pub(crate) fn connect(at: &Where) -> Link {
    let socket = Paths::find(at.runtime.as_deref(), None).bus_socket(at.bus_port);
    Link::new(LinkConfig { socket, module: "tool".into() })
}

fn names(raw: &[String]) -> Result<Vec<TagName>, Failure> {
    raw.iter().map(|name| TagName::parse(name).map_err(|error| Failure::config(&error))).collect()
}

fn block_on<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    Ok(runtime.map_err(|error| Failure::work(&error))?.block_on(work))
}

/// The next event, or why there is none.
pub(crate) async fn next(link: &mut Link, within: Duration) -> Result<Event, Failure> {
    match tokio::time::timeout(within, link.next()).await {
        Ok(Event::Down(why)) => Err(Failure::Work(format!(
            "no bus is running there ({why}); start one with `forebay run`, or name its folder with --runtime"
        ))),
        Ok(Event::Refused(why)) => Err(Failure::Work(why)),
        Ok(event) => Ok(event),
        Err(_) => Err(Failure::Work("no answer from the bus".into())),
    }
}

/// Prints each tag once.
pub(crate) fn get(args: &args::Get) -> Result<ExitCode, Failure> {
    let names = names(&args.tags)?;
    let mut link = connect(&args.at);
    for name in &names {
        link.watch(name, Delivery::Latest, None);
    }
    block_on(async {
        let mut seen = vec![None; names.len()];
        while seen.iter().any(Option::is_none) {
            if let Event::Sample(tag, sample) = next(&mut link, PATIENCE).await? {
                seen[tag.0 as usize] = Some(sample);
            }
        }
        let mut all_good = true;
        for (name, sample) in names.iter().zip(seen.into_iter().flatten()) {
            all_good &= sample.reading.good().is_some();
            say::line(&values::show_sample(name.as_str(), &sample, SystemClock.wall()));
        }
        Ok(if all_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })?
}

/// Writes one tag and waits for the outcome.
pub(crate) fn set(args: &args::Set) -> Result<ExitCode, Failure> {
    let name = names(std::slice::from_ref(&args.tag))?.remove(0);
    let value = values::parse(&args.value, args.text);
    let mut link = connect(&args.at);
    let tag = link.watch(&name, Delivery::Latest, None);
    block_on(async {
        // The number of the tag is known once it has been delivered.
        while !matches!(next(&mut link, PATIENCE).await?, Event::Sample(..)) {}
        let who = format!("command line, user {}", std::env::var("USER").unwrap_or_else(|_| "?".into()));
        link.write(tag, value, SystemClock.uptime().after(args.within), &who);
        loop {
            let Event::Outcome(_, outcome) = next(&mut link, args.within + PATIENCE).await? else { continue };
            let words = match &outcome {
                Outcome::Sent => "sent".to_owned(),
                Outcome::Stored => "stored on the bus: nobody owns this tag".to_owned(),
                Outcome::Confirmed => "confirmed: the device holds it".to_owned(),
                Outcome::Refused(why) => format!("refused: {why}"),
                Outcome::Mismatch(held) => format!("mismatch: the device holds {}", values::show(held)),
                Outcome::Expired => "expired: not confirmed in time".to_owned(),
            };
            say::line(&format!("{name}  {words}"));
            if outcome.is_final() {
                let done = matches!(outcome, Outcome::Stored | Outcome::Confirmed);
                return Ok(if done { ExitCode::SUCCESS } else { ExitCode::FAILURE });
            }
        }
    })?
}

/// Prints tags as they change.
pub(crate) fn watch(args: &args::Watch) -> Result<ExitCode, Failure> {
    let names = names(&args.tags)?;
    let mut link = connect(&args.at);
    let delivery = if args.every { Delivery::Every } else { Delivery::Latest };
    for name in &names {
        link.watch(name, delivery, None);
    }
    let watching = async {
        loop {
            match link.next().await {
                Event::Sample(tag, sample) | Event::SourceTimed(tag, sample) => {
                    say::line(&values::show_sample(link.name(tag).as_str(), &sample, SystemClock.wall()));
                }
                Event::Gap(tag) => say::line(&format!("{}  samples were lost here", link.name(tag))),
                Event::Down(why) => say::line(&format!("the bus can't be reached: {why}; waiting for it")),
                Event::Refused(why) => return Err(Failure::Work(why)),
                _ => {}
            }
        }
    };
    block_on(async {
        match args.for_ {
            Some(limit) => tokio::time::timeout(limit, watching).await.unwrap_or(Ok(ExitCode::SUCCESS)),
            None => watching.await,
        }
    })?
}

/// Prints names and owners.
pub(crate) fn list(args: &args::List) -> Result<ExitCode, Failure> {
    let mut link = connect(&args.at);
    block_on(async {
        while !matches!(next(&mut link, PATIENCE).await?, Event::Up) {}
        link.list(&args.text);
        loop {
            let Event::Listed { lines, last } = next(&mut link, PATIENCE).await? else { continue };
            for line in lines {
                let owner = if line.owner.is_empty() { String::new() } else { format!("  {}", line.owner) };
                say::line(&format!("{}{owner}", line.name));
            }
            if last {
                return Ok(ExitCode::SUCCESS);
            }
        }
    })?
}
