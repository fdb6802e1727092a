//! One page's WebSocket: takes a message, sends it, says it is free; reads what the page says.
//!
//! One loop over one merged stream, so that there is nothing to select.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::stream::{self, SplitSink, StreamExt};
use futures_util::{SinkExt, Stream};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use warp::reply::Response;

use crate::command::{Command, Opened};
use crate::handshake::{Handshake, WebSocket};
use crate::house::{House, lock};
use crate::sessions::SessionId;
use crate::speak::{self, Said};
use crate::watch::{Message, SocketId, TagNumber};

/// A page that hears nothing for 5 s says the link is gone; so two beats may be lost.
const BEAT_EVERY: Duration = Duration::from_secs(2);
/// A page is asked whether it is still there when it said nothing for so long …
const PING_AFTER: Duration = Duration::from_secs(15);
/// … and given up when it didn't answer: a phone that fell asleep leaves no word.
const IDLE_MAX: Duration = Duration::from_secs(45);
/// A socket that takes nothing for so long is closed; the page connects again when it wakes.
const STALLED_MAX: Duration = Duration::from_secs(30);
/// Messages that aren't understood before the socket is closed.
const MISUNDERSTOOD_MAX: u32 = 10;

/// Close codes of RFC 6455.
const GOING_AWAY: u16 = 1001;
const POLICY: u16 = 1008;
const TRY_LATER: u16 = 1013;

/// Answers the upgrade; the conversation goes on in a task of its own. `first` is what the page watches until it says
/// otherwise.
pub(crate) fn upgrade(
    handshake: Handshake,
    house: Arc<House>,
    session: SessionId,
    peer: IpAddr,
    first: Option<Vec<TagNumber>>,
) -> Response {
    let goodbye = house.tasks.token();
    handshake.accept(move |socket| {
        Box::pin(async move {
            converse(socket, house, session, peer, first).await;
            drop(goodbye);
        })
    })
}

enum Heard {
    FromPage(Frame),
    FromHub(Message),
    PageGone,
    HubGone,
}

struct Conversation {
    house: Arc<House>,
    id: SocketId,
    session: SessionId,
    out: SplitSink<WebSocket, Frame>,
    /// When the page was last told something.
    told: Instant,
    /// When it last said something.
    heard: Instant,
    /// When it was last looked after.
    looked: Instant,
    pinged: bool,
    misunderstood: u32,
}

fn farewell(code: u16, why: &'static str) -> Frame {
    Frame::Close(Some(CloseFrame { code: code.into(), reason: why.into() }))
}

/// Why a conversation ends. The words go to the page and the log.
struct End(u16, &'static str);

async fn converse(
    socket: WebSocket,
    house: Arc<House>,
    session: SessionId,
    peer: IpAddr,
    first: Option<Vec<TagNumber>>,
) {
    let (mut out, from_page) = socket.split();
    let (reply, opened) = oneshot::channel();
    let asked = house.commands.send(Command::Open { session, peer, reply }).await;
    let opened = match (asked, opened.await) {
        (Ok(()), Ok(Ok(opened))) => opened,
        (_, refused) => {
            let why = if let Ok(Err(why)) = refused { why } else { "the gateway is stopping" };
            let _ = timeout(BEAT_EVERY, out.send(farewell(TRY_LATER, why))).await;
            return;
        }
    };
    let Opened { id, mut messages } = opened;
    if let Some(tags) = first {
        // Gone only while the daemon stops, and then so are the messages.
        let _ = house.commands.send(Command::Said(id, Said::Watch(tags))).await;
    }
    let from_hub = stream::poll_fn(move |context| messages.poll_recv(context));
    let heard = stream::select(
        from_page.map(|frame| frame.map_or(Heard::PageGone, Heard::FromPage)).chain(stream::iter([Heard::PageGone])),
        from_hub.map(Heard::FromHub).chain(stream::iter([Heard::HubGone])),
    );
    let now = house.clock.mono();
    let mut conversation = Conversation {
        house: house.clone(),
        id,
        session,
        out,
        told: now,
        heard: now,
        looked: now,
        pinged: false,
        misunderstood: 0,
    };
    log::debug!("a page at {peer} connected");
    if let Err(End(code, why)) = conversation.go_on(heard).await {
        log::debug!("a page at {peer} is closed: {why}");
        let _ = timeout(BEAT_EVERY, conversation.out.send(farewell(code, why))).await;
    }
    // The hub is gone only while the daemon stops.
    let _ = house.commands.send(Command::Gone(id)).await;
}

impl Conversation {
    async fn go_on(&mut self, mut heard: impl Stream<Item = Heard> + Unpin) -> Result<(), End> {
        loop {
            let now = self.now();
            if now.saturating_duration_since(self.looked) >= BEAT_EVERY {
                self.look_after(now).await?;
            }
            let oldest = self.told.min(self.looked);
            match timeout(BEAT_EVERY.saturating_sub(now.saturating_duration_since(oldest)), heard.next()).await {
                Err(_) => self.on_quiet().await?,
                Ok(Some(Heard::FromHub(message))) => {
                    let clock = &self.house.clock;
                    let text = speak::text(&message, &self.house.hello, clock.wall(), || clock.trust());
                    self.say(text).await?;
                    self.pass(Command::Free(self.id)).await?;
                }
                Ok(Some(Heard::FromPage(frame))) => {
                    self.heard = self.now();
                    self.pinged = false;
                    self.on_frame(&frame).await?;
                }
                Ok(Some(Heard::HubGone)) => return Err(End(GOING_AWAY, "closed by the gateway")),
                Ok(Some(Heard::PageGone) | None) => return Ok(()),
            }
        }
    }

    /// Now and then, however busy the socket is: is the browser still let in, is the page still there?
    async fn look_after(&mut self, now: Instant) -> Result<(), End> {
        self.looked = now;
        if !lock(&self.house.sessions).is_live(self.session, self.house.clock.wall()) {
            return Err(End(POLICY, "this browser isn't let in any more"));
        }
        let quiet = now.saturating_duration_since(self.heard);
        if quiet > IDLE_MAX {
            return Err(End(GOING_AWAY, "nothing heard from the page"));
        }
        if quiet > PING_AFTER && !self.pinged {
            self.pinged = true;
            self.send(Frame::Ping(Vec::new().into())).await?;
        }
        Ok(())
    }

    /// The page needs to hear something now and then.
    async fn on_quiet(&mut self) -> Result<(), End> {
        if self.now().saturating_duration_since(self.told) < BEAT_EVERY {
            return Ok(());
        }
        self.say(speak::beat(self.house.clock.wall())).await
    }

    async fn on_frame(&mut self, frame: &Frame) -> Result<(), End> {
        let said = match frame {
            Frame::Text(text) => speak::parse(text, self.house.config.tags.len()),
            Frame::Binary(_) => Err("a binary message".into()),
            // Pings are answered for us; a close ends the stream.
            Frame::Ping(_) | Frame::Pong(_) | Frame::Close(_) | Frame::Frame(_) => return Ok(()),
        };
        match said {
            Ok(Said::Ping) => self.say(speak::beat(self.house.clock.wall())).await,
            Ok(said) => self.pass(Command::Said(self.id, said)).await,
            Err(why) => {
                self.misunderstood += 1;
                if self.misunderstood >= MISUNDERSTOOD_MAX {
                    return Err(End(POLICY, "too many messages that aren't understood"));
                }
                self.pass(Command::Misunderstood(self.id, why)).await
            }
        }
    }

    async fn say(&mut self, text: String) -> Result<(), End> {
        self.send(Frame::Text(text.into())).await?;
        self.told = self.now();
        Ok(())
    }

    async fn send(&mut self, frame: Frame) -> Result<(), End> {
        match timeout(STALLED_MAX, self.out.send(frame)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End(GOING_AWAY, "the connection broke")),
            Err(_) => Err(End(GOING_AWAY, "the page takes nothing")),
        }
    }

    async fn pass(&self, command: Command) -> Result<(), End> {
        self.house.commands.send(command).await.map_err(|_| End(GOING_AWAY, "the gateway is stopping"))
    }

    fn now(&self) -> Instant {
        self.house.clock.mono()
    }
}
