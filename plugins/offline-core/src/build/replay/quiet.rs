use crate::event::{Event, Reporter};
use crate::network::without_our_flags;

/// Takes what a rewritten Dockerfile adds to its steps out of a builder's words.
pub(super) struct Quiet<'a>(pub(super) &'a dyn Reporter);

impl Reporter for Quiet<'_> {
    fn event(&self, event: Event) {
        self.0.event(match event {
            Event::BuildOutput { line } => Event::BuildOutput {
                line: without_our_flags(&line),
            },
            other => other,
        });
    }
}
