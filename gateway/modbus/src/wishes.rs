//! Who wrote what, when, and what became of it: for the log, and for who asks a connection how it is. Pure.

use std::collections::VecDeque;

use link::Outcome;
use serde_json::{Value as Json, json};
use tag::{Timestamp, Value};

use crate::device::WRITES_MAX;
use crate::write::Ticket;

/// Settled writes that are remembered of a connection: what a crew has done in the last minutes. The log has all.
const SETTLED_MAX: usize = 64;

/// Longer texts are said by their length: a script may write megabytes to a tag that takes a number.
const TEXT_MAX: usize = 250;

/// One write.
#[derive(Debug, Clone)]
struct Wish {
    ticket: Ticket,
    tag: String,
    value: Value,
    /// What is written in its place, where it is past the tag's limits.
    instead: Option<Value>,
    who: String,
    asked: Timestamp,
    sent: Option<Timestamp>,
    ended: Option<(Timestamp, Outcome)>,
}

/// What somebody wants to be written.
#[derive(Debug)]
pub(crate) struct Wished {
    pub(crate) value: Value,
    /// What is written in its place, where it is past the tag's limits.
    pub(crate) instead: Option<Value>,
}

/// The writes of one connection, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Wishes {
    under_way: VecDeque<Wish>,
    settled: VecDeque<Wish>,
}

impl Wishes {
    /// Somebody writes. What is under way is bounded by what a line takes, and by what waits on the way to it.
    pub(crate) fn begin(&mut self, at: Timestamp, ticket: Ticket, tag: &str, wished: Wished, who: &str) {
        debug_assert!(self.under_way.len() <= 4 * WRITES_MAX, "every write ends");
        let (tag, who, value) = (tag.to_owned(), who.to_owned(), shortened(wished.value));
        let instead = wished.instead;
        self.under_way.push_back(Wish { ticket, tag, value, instead, who, asked: at, sent: None, ended: None });
    }

    /// What became of one; what to say of it in the log, when that is its end.
    pub(crate) fn on_outcome(&mut self, at: Timestamp, ticket: Ticket, outcome: &Outcome) -> Option<String> {
        let place = self.under_way.iter().position(|wish| wish.ticket == ticket)?;
        if !outcome.is_final() {
            self.under_way[place].sent = Some(at);
            return None;
        }
        let mut wish = self.under_way.remove(place)?;
        wish.ended = Some((at, outcome.clone()));
        let said = wish.words();
        self.settled.push_back(wish);
        while self.settled.len() > SETTLED_MAX {
            self.settled.pop_front();
        }
        Some(said)
    }

    /// All that is remembered, the newest last.
    pub(crate) fn told(&self) -> Json {
        self.settled.iter().chain(&self.under_way).map(Wish::told).collect()
    }
}

impl Wish {
    fn words(&self) -> String {
        let wish = format!("{} = {:?} by {}", self.tag, self.value, self.who);
        // Said of what went out; a wish that was refused was not written as anything.
        match self.instead.as_ref().filter(|_| self.sent.is_some()) {
            Some(limit) => format!("{wish}: past its limits, written as {}", plain(limit)),
            None => wish,
        }
    }

    fn told(&self) -> Json {
        let (state, detail) = match self.ended.as_ref().map(|(_, outcome)| outcome) {
            None => (if self.sent.is_some() { "sent" } else { "requested" }, Json::Null),
            Some(Outcome::Confirmed) => ("confirmed", Json::Null),
            Some(Outcome::Refused(why)) => ("refused", json!(why)),
            Some(Outcome::Mismatch(held)) => ("mismatch", plain(held)),
            Some(Outcome::Expired) => ("expired", Json::Null),
            Some(Outcome::Stored | Outcome::Sent) => ("sent", Json::Null),
        };
        json!({
            "tag": self.tag, "value": plain(&self.value), "who": self.who, "state": state, "detail": detail,
            "requested_ms": self.asked.as_ms(), "sent_ms": self.sent.map(Timestamp::as_ms),
            "ended_ms": self.ended.as_ref().map(|(at, _)| at.as_ms()),
        })
    }
}

fn shortened(value: Value) -> Value {
    let long = |bytes: usize| Value::from(&*format!("({bytes} bytes)"));
    match &value {
        Value::Text(text) | Value::Json(text) if text.len() > TEXT_MAX => long(text.len()),
        Value::Bytes(bytes) if bytes.len() > TEXT_MAX => long(bytes.len()),
        _ => value,
    }
}

fn plain(value: &Value) -> Json {
    match value {
        Value::Int(n) => json!(n),
        Value::Float(x) => json!(x),
        Value::Text(text) | Value::Json(text) => json!(**text),
        Value::Bytes(bytes) => json!(format!("{} bytes", bytes.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn as_wished(value: Value) -> Wished {
        Wished { value, instead: None }
    }

    #[test]
    fn a_wish_past_the_limits_is_told_with_what_went_out() {
        let mut wishes = Wishes::default();
        let past = || Wished { value: Value::Int(12), instead: Some(Value::Float(10.0)) };
        wishes.begin(Timestamp(0), Ticket(1), "Gate", past(), "script");
        wishes.on_outcome(Timestamp(1), Ticket(1), &Outcome::Sent);
        let said = wishes.on_outcome(Timestamp(2), Ticket(1), &Outcome::Mismatch(Value::Float(10.0)));
        assert_eq!(said.as_deref(), Some("Gate = Int(12) by script: past its limits, written as 10.0"));
        assert_eq!((&wishes.told()[0]["value"], &wishes.told()[0]["detail"]), (&json!(12), &json!(10.0)));
        wishes.begin(Timestamp(3), Ticket(2), "Gate", past(), "script");
        let said = wishes.on_outcome(Timestamp(4), Ticket(2), &Outcome::Refused("device offline".into()));
        assert_eq!(said.as_deref(), Some("Gate = Int(12) by script"), "nothing was written");
    }

    #[test]
    fn each_step_of_a_write_has_its_time_and_each_write_who_made_it() {
        let mut wishes = Wishes::default();
        let ms = Timestamp::from_ms;
        wishes.begin(ms(1000), Ticket(7), "gate", as_wished(Value::Int(42)), "www 192.0.2.7");
        wishes.begin(ms(1001), Ticket(8), "level", as_wished(Value::Float(1.5)), "modbus master 192.0.2.9");
        assert_eq!(wishes.told()[0]["state"], "requested");
        assert_eq!(wishes.on_outcome(ms(1010), Ticket(7), &Outcome::Sent), None);
        assert_eq!((&wishes.told()[0]["state"], &wishes.told()[0]["sent_ms"]), (&json!("sent"), &json!(1010)));
        let said = wishes.on_outcome(ms(1030), Ticket(7), &Outcome::Mismatch(Value::Int(40)));
        assert_eq!(said.as_deref(), Some("gate = Int(42) by www 192.0.2.7"));
        wishes.on_outcome(ms(1040), Ticket(8), &Outcome::Refused("device offline".into()));
        assert_eq!(
            wishes.told(),
            json!([
                {"tag": "gate", "value": 42, "who": "www 192.0.2.7", "state": "mismatch", "detail": 40,
                 "requested_ms": 1000, "sent_ms": 1010, "ended_ms": 1030},
                {"tag": "level", "value": 1.5, "who": "modbus master 192.0.2.9", "state": "refused",
                 "detail": "device offline", "requested_ms": 1001, "sent_ms": null, "ended_ms": 1040},
            ])
        );
        assert_eq!(wishes.on_outcome(ms(1050), Ticket(8), &Outcome::Confirmed), None, "it has ended");
    }

    #[test]
    fn only_the_last_are_remembered() {
        let mut wishes = Wishes::default();
        for n in 0..1000 {
            wishes.begin(Timestamp(n), Ticket(n), "t", as_wished(Value::Int(1)), "somebody");
            wishes.on_outcome(Timestamp(n), Ticket(n), &Outcome::Confirmed);
        }
        assert_eq!((wishes.settled.len(), wishes.under_way.len()), (SETTLED_MAX, 0));
        wishes.begin(Timestamp(0), Ticket(0), "t", as_wished(Value::from(&*"x".repeat(1_000_000))), "somebody");
        assert_eq!(wishes.under_way[0].value, Value::from("(1000000 bytes)"));
        assert_eq!(wishes.settled[0].ticket, Ticket(1000 - SETTLED_MAX as u64), "the oldest went first");
    }
}
