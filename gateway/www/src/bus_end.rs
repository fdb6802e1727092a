//! The bus as this daemon needs it: a [`Link`], or a test's stand-in.

use std::future::Future;
use std::time::Duration;

use link::{AskId, Event, Handle, Link, WriteId};
use tag::{Delivery, TagName, Uptime, Value};

/// What the window asks of its end of the bus. [`Link`] documents each.
pub trait BusEnd: Send + 'static {
    /// Watches a tag, latest reading only.
    fn watch(&mut self, name: &TagName, stale: Option<Duration>) -> Handle;
    /// Mentions a tag, to ask it.
    fn refer(&mut self, name: &TagName) -> Handle;
    /// Writes a tag.
    fn write(&mut self, tag: Handle, value: Value, deadline: Uptime, who: &str) -> WriteId;
    /// Asks a tag's owner.
    fn ask(&mut self, tag: Handle, question: Value) -> AskId;
    /// What happens next; cancel-safe.
    fn next(&mut self) -> impl Future<Output = Event> + Send;
}

impl BusEnd for Link {
    fn watch(&mut self, name: &TagName, stale: Option<Duration>) -> Handle {
        Link::watch(self, name, Delivery::Latest, stale)
    }

    fn refer(&mut self, name: &TagName) -> Handle {
        Link::refer(self, name)
    }

    fn write(&mut self, tag: Handle, value: Value, deadline: Uptime, who: &str) -> WriteId {
        Link::write(self, tag, value, deadline, who)
    }

    fn ask(&mut self, tag: Handle, question: Value) -> AskId {
        Link::ask(self, tag, question)
    }

    fn next(&mut self) -> impl Future<Output = Event> + Send {
        Link::next(self)
    }
}
