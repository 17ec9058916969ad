//! The replies of a frame's tasks until they are sent: those of short tasks travel together.
//!
//! While a further task runs they are [held back](crate::wire::held::Held) in reach of the thread that gives tasks
//! back. Without such a thread, and if they are large or have attachments, they are sent before the task.

use crate::wire::frame::Frame;
use crate::wire::memory::Attachment;
use crate::wire::message::{self, Reply, Results};
use crate::wire::transport::Link;

/// Replies are sent when they have reached this many bytes: over MPI they still leave as one eager message then, which
/// need not wait for an answer.
pub(super) const REPLY_BYTES: usize = 60 << 10;

/// Replies that are not sent.
pub(super) struct Outbox {
    /// What is about to be sent; empty while replies are held back.
    frame: Frame,
    /// Whether replies are held back, or were taken along meanwhile.
    holds: bool,
}

impl Outbox {
    /// An outbox without any reply.
    pub(super) fn new(link: &mut impl Link) -> Self {
        Outbox { frame: link.memory().into(), holds: false }
    }

    /// Whether replies are held back.
    pub(super) fn holds(&self) -> bool {
        self.holds
    }

    /// Adds a reply, behind which there are `more` tasks or not; whether what there is should be sent now.
    pub(super) fn add(
        &mut self,
        reply: &Reply<'_>,
        attachments: &mut Vec<Attachment>,
        more: bool,
        link: &mut impl Link,
    ) -> bool {
        if more
            && attachments.is_empty()
            && is_small(reply)
            && let Some(held) = link.held().filter(|held| held.is_reachable())
        {
            // From the second one on there is no memory here any more.
            let memory = std::mem::take(&mut self.frame.bytes);
            self.holds = true;
            return held.add(memory, |frame| message::push_reply(frame, reply)) >= REPLY_BYTES;
        }
        self.take_out(link);
        message::push_reply(&mut self.frame, reply);
        self.frame.attachments.append(attachments);
        true
    }

    /// Sends all replies that have not been taken along; with `more` tasks it begins anew.
    pub(super) fn send(&mut self, more: bool, link: &mut impl Link) {
        self.take_out(link);
        if self.frame.is_empty() {
            return;
        }
        let next = if more { link.memory().into() } else { Frame::default() };
        link.send(std::mem::replace(&mut self.frame, next));
    }

    /// Holds nothing back any more.
    fn take_out(&mut self, link: &impl Link) {
        if std::mem::take(&mut self.holds)
            && let Some(held) = link.held()
        {
            self.frame = held.take();
        }
    }
}

/// Whether a reply may travel with an answer that gives tasks back.
fn is_small(reply: &Reply<'_>) -> bool {
    let (Results::All(bytes) | Results::Mixed(bytes)) = reply.results;
    bytes.len() < REPLY_BYTES
}
