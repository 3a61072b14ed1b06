use offline_core::Event;

use super::{Voice, say, words};
use crate::Colours;

/// `--progress quiet`: warnings; errors are the printer's.
pub(crate) struct Quiet {
    colours: Colours,
}

impl Quiet {
    pub(crate) fn new(colours: Colours) -> Self {
        Self { colours }
    }
}

impl Voice for Quiet {
    fn event(&self, event: Event) {
        if let Event::Warning(warning) = event {
            say(&words::warning(&warning, self.colours));
        }
    }
}
