//! Questions to the history that are under way, and what their answers mean.
//!
//! Pure. A request that gave up drops its end, and is forgotten at the next sweep.

use std::collections::HashMap;

use link::AskId;
use serde_json::Value as Json;
use tag::Value;
use tokio::sync::oneshot;

/// A trend of 16 pens and 4096 columns has 2 MB, a page of a table some more; what is larger is not an answer to what we
/// asked.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Why the history gave no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NoAnswer {
    /// In words for a person.
    pub(crate) why: String,
    /// The question is to blame.
    pub(crate) of_the_question: bool,
}

impl From<&str> for NoAnswer {
    fn from(why: &str) -> Self {
        Self { why: why.into(), of_the_question: false }
    }
}

/// Where an answer goes.
pub(crate) type Reply = oneshot::Sender<Result<Vec<u8>, NoAnswer>>;

/// The questions.
#[derive(Debug, Default)]
pub(crate) struct Asks(HashMap<AskId, Asked>);

#[derive(Debug)]
struct Asked {
    reply: Reply,
    bytes: Vec<u8>,
}

impl Asks {
    /// One more was asked.
    pub(crate) fn begin(&mut self, id: AskId, reply: Reply) {
        self.0.insert(id, Asked { reply, bytes: Vec::new() });
    }

    /// The bus is gone, and every question with it.
    pub(crate) fn on_down(&mut self, why: &str) {
        for (_, asked) in self.0.drain() {
            // The one who asked may have given up meanwhile.
            let _ = asked.reply.send(Err(NoAnswer::from(&*format!("the bus is gone: {why}"))));
        }
    }

    /// Nobody answers this one.
    pub(crate) fn on_failed(&mut self, id: AskId, why: &str) {
        self.end(id, Err(NoAnswer::from(why)));
    }

    /// A part of an answer, or all of it.
    pub(crate) fn on_answer(&mut self, id: AskId, value: &Value, last: bool) {
        let Some(asked) = self.0.get_mut(&id) else { return };
        match value {
            Value::Bytes(bytes) if asked.bytes.len() + bytes.len() <= ANSWER_BYTES_MAX => {
                asked.bytes.extend_from_slice(bytes);
                if last {
                    let bytes = std::mem::take(&mut asked.bytes);
                    self.end(id, Ok(bytes));
                }
            }
            Value::Bytes(_) => self.end(id, Err(NoAnswer::from("the history's answer is too large"))),
            Value::Text(why) => self.end(id, Err(NoAnswer::from(&**why))),
            Value::Json(text) => {
                let said = serde_json::from_str::<Json>(text).unwrap_or_default();
                let answer = match said["error"].as_str() {
                    Some(why) => Err(NoAnswer { why: why.into(), of_the_question: said["asked"] == true }),
                    // What it says of itself.
                    None if said.is_object() => Ok(text.as_bytes().to_vec()),
                    None => Err(NoAnswer::from("the history answered something else")),
                };
                self.end(id, answer);
            }
            Value::Int(_) | Value::Float(_) => {
                self.end(id, Err(NoAnswer::from("the history answered something else")));
            }
        }
    }

    /// Forgets what nobody waits for any more.
    pub(crate) fn sweep(&mut self) {
        self.0.retain(|_, asked| !asked.reply.is_closed());
    }

    fn end(&mut self, id: AskId, answer: Result<Vec<u8>, NoAnswer>) {
        if let Some(asked) = self.0.remove(&id) {
            // The one who asked may have given up meanwhile.
            let _ = asked.reply.send(answer);
        }
    }
}
