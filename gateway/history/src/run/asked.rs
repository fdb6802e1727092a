//! Questions of the bus: each is worked at on the store's own thread, and answered to who asked.

use std::pin::Pin;

use link::{Asker, Link, RequestId};
use tag::{TagName, Timestamp, Value};

use super::{Daemon, kind_of};
use crate::answer::{self, RtaTag};
use crate::ask::{Question, Records};
use crate::decimate::Span;
use crate::error::ReadError;
use crate::table;

/// Questions under way: those that the store lets wait, and the one it works at. One more is answered at once with
/// "too many questions at once".
const ASKS_MAX: usize = 33;

/// A question's answer: whole values, the last of which ends it.
pub(super) type Asked = Pin<Box<dyn Future<Output = (RequestId, Vec<Value>)> + Send>>;

impl Daemon {
    pub(super) fn on_ask(&mut self, id: RequestId, question: &Value, by: Asker, link: &mut Link) {
        let question = match Question::parse(question) {
            Ok(question) => question,
            Err(error) => {
                log::debug!("a question that is none: {error}");
                return answer(link, id, vec![no_answer(by, &error, true)]);
            }
        };
        if self.asked.len() >= ASKS_MAX {
            return answer(link, id, vec![no_answer(by, &ReadError::Busy, false)]);
        }
        // What was recorded before the question belongs to its answer.
        let (now, _) = self.stamps.look(&self.clock, &mut self.recorder, &self.store);
        self.store.set_unset_clock(self.stamps.unset(now));
        self.flush();
        let asked = match question {
            Question::Records(records) => {
                let tag = self.rta_tag(&records, link);
                self.read(id, by, move |reader| answer::records(reader, &records, tag))
            }
            Question::Trend { tags, span, columns } => {
                self.read(id, by, move |reader| answer::trends(reader, &tags, span, columns))
            }
            Question::Table(wanted) => {
                let now = self.clock.wall();
                let defs = self.config.tags.iter().filter(|def| wanted.tags.contains(&def.name));
                let rollovers: Vec<_> = defs.map(|def| (def.name.clone(), def.rollover)).collect();
                self.read(id, by, move |reader| {
                    let rollover = |tag: &TagName| rollovers.iter().find(|(name, _)| name == tag)?.1;
                    table::fill::page(reader, &wanted, now, &rollover)
                })
            }
            Question::Status => {
                self.store.look_at_drives(self.clock.mono());
                let (counts, waiting) = (self.recorder.counts(), self.recorder.waiting());
                self.read(id, by, move |reader| {
                    let all = Span { from: Timestamp(0), to: Timestamp(u64::MAX) };
                    let uncertain = reader.uncertain(all)?;
                    Ok(vec![answer::status(&reader.status()?, &uncertain, counts, waiting)])
                })
            }
        };
        self.asked.push(asked);
    }

    fn read<F>(&self, id: RequestId, by: Asker, work: F) -> Asked
    where
        F: FnOnce(&mut crate::Reader) -> Result<Vec<Value>, ReadError> + Send + 'static,
    {
        let reading = self.store.read(self.asking.clone(), work);
        Box::pin(async move {
            let values = reading.await.unwrap_or_else(|error| {
                if let ReadError::Sqlite { doing, source } = &error {
                    log::error!("{doing}: {source}");
                }
                vec![no_answer(by, &error, error.is_of_the_question())]
            });
            (id, values)
        })
    }

    fn rta_tag(&self, question: &Records, link: &Link) -> RtaTag {
        let place = |name: &TagName| self.config.tags.iter().position(|def| def.name == *name);
        match question.tag.as_ref().and_then(place) {
            None => RtaTag { bus_id: 0, kind: None },
            Some(place) => {
                let bus_id = link.bus_id(self.handles[place]).unwrap_or(0);
                RtaTag { bus_id, kind: Some(kind_of(&self.config.tags[place])) }
            }
        }
    }
}

/// Gives an answer, value by value.
pub(super) fn answer(link: &mut Link, id: RequestId, values: Vec<Value>) {
    let count = values.len();
    for (i, value) in values.into_iter().enumerate() {
        link.answer(id, value, i + 1 == count);
    }
}

/// pymscada's clients can't read an error: they get what ends an answer.
fn no_answer(by: Asker, why: &dyn std::error::Error, of_the_question: bool) -> Value {
    match by {
        Asker::Protocol1 => answer::reset(),
        Asker::Protocol2 => answer::error(why, of_the_question),
    }
}
