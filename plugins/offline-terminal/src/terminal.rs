use std::ffi::OsString;
use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use offline_core::engine::{self, Docker};
use offline_core::{Event, Failure, Kind, Reporter};

use crate::progress::{Bars, Json, Plain, Quiet, Voice};
use crate::{Colours, ExitCode, Format, OutputError, Progress, error_printer, interrupt};

/// What a command meets the user with: results go to stdout, the talk to
/// stderr, and the user's wish to stop comes back as a flag.
pub struct Terminal {
    global_args: Vec<OsString>,
    progress: Progress,
    voice: Box<dyn Voice>,
    talk_colours: Colours,
    result_colours: Colours,
    interrupted: Arc<AtomicBool>,
}

impl Terminal {
    /// A terminal over this process's stdout and stderr. `global_args` are
    /// Docker's global flags, for [`Terminal::docker`].
    pub fn new(progress: Progress, global_args: Vec<OsString>) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let colours = Colours::for_stream(is_terminal);
        let dumb = std::env::var_os("TERM").is_some_and(|v| v == "dumb");
        let voice: Box<dyn Voice> = match progress {
            Progress::Auto if is_terminal && !dumb => Box::new(Bars::new(colours)),
            Progress::Auto | Progress::Plain => Box::new(Plain::new(colours)),
            Progress::Json => Box::new(Json::new()),
            Progress::Quiet => Box::new(Quiet::new(colours)),
        };
        Self {
            global_args,
            progress,
            voice,
            talk_colours: colours,
            result_colours: Colours::for_stream(std::io::stdout().is_terminal()),
            interrupted: interrupt::listen(),
        }
    }

    /// The user's `docker` command, with the global flags of this call.
    pub fn docker(&self) -> Result<Docker, engine::Error> {
        let docker = Docker::new(self.global_args.clone())?;
        Ok(docker.with_interrupt(self.interrupted()))
    }

    /// Takes the core's events.
    pub fn reporter(&self) -> &dyn Reporter {
        self
    }

    /// Becomes true when the user wants the command to end; work should then
    /// leave everything in order and fail with [`Kind::Interrupted`].
    pub fn interrupted(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.interrupted)
    }

    /// The colours of results, that is of stdout.
    pub fn result_colours(&self) -> Colours {
        self.result_colours
    }

    /// The columns of stdout where it is a terminal. Elsewhere lines are not
    /// broken, so that a search finds them whole.
    pub fn result_width(&self) -> Option<usize> {
        let terminal = std::io::stdout().is_terminal();
        // A serial console does not know its size.
        let columns = console::Term::stdout()
            .size_checked()
            .map_or(80, |(_, c)| c);
        terminal.then_some(usize::from(columns))
    }

    /// Writes a part of the result to stdout; a line end is the caller's.
    ///
    /// A reader that has gone (`| head`) is not a failure: nobody is left to
    /// tell, and the work itself was done.
    pub fn print(&self, text: &str) -> Result<(), OutputError> {
        let mut stdout = std::io::stdout().lock();
        let written = stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush());
        match written {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Writes a result as indented JSON.
    pub fn print_json(&self, value: &impl serde::Serialize) -> Result<(), OutputError> {
        let text = serde_json::to_string_pretty(value).map_err(std::io::Error::from)?;
        self.print(&format!("{text}\n"))
    }

    /// Writes a result in the form that was asked for; words are made where they are shown.
    pub fn print_as(
        &self,
        format: Format,
        value: &impl serde::Serialize,
        words: impl FnOnce() -> String,
    ) -> Result<(), OutputError> {
        match format {
            Format::Json => self.print_json(value),
            Format::Text => self.print(&words()),
        }
    }

    /// Says how the command ended and gives the exit code for it.
    pub(crate) fn conclude(&self, result: Result<(), Failure>) -> ExitCode {
        let Err(failure) = result else {
            self.voice.end(false);
            return ExitCode::OK;
        };
        // A child that the same Ctrl-C has ended reports a failure of its own,
        // which is not the reason.
        let interrupted =
            failure.kind() == Kind::Interrupted || self.interrupted.load(Ordering::SeqCst);
        self.voice
            .end(failure.kind() == Kind::BuildFailed && !interrupted);
        let json = self.progress == Progress::Json;
        let text = match (interrupted, json) {
            (true, false) => error_printer::interrupted(self.talk_colours),
            (true, true) => error_printer::interrupted_json() + "\n",
            (false, false) => error_printer::words(&failure, self.talk_colours),
            (false, true) => error_printer::json(&failure) + "\n",
        };
        let _ = std::io::stderr().write_all(text.as_bytes());
        if interrupted {
            ExitCode::INTERRUPTED
        } else {
            ExitCode::of(failure.kind())
        }
    }
}

impl Reporter for Terminal {
    fn event(&self, event: Event) {
        self.voice.event(event);
    }
}
