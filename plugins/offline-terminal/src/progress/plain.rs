use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use offline_core::Event;
use offline_core::event::TaskId;

use super::{Voice, bytes, say, seconds, words};
use crate::Colours;

/// A long task says where it is no more often than this.
const EVERY: Duration = Duration::from_secs(5);

/// `--progress plain`: lines that also read well in a log file.
pub(crate) struct Plain {
    colours: Colours,
    tasks: Mutex<HashMap<TaskId, Running>>,
}

struct Running {
    words: String,
    total: Option<u64>,
    done: u64,
    said: Instant,
}

impl Running {
    fn position(&self) -> String {
        match self.total {
            Some(total) if total > 0 => {
                let percent = u128::from(self.done.min(total)) * 100 / u128::from(total);
                format!("{} of {} ({percent}%)", bytes(self.done), bytes(total))
            }
            _ => bytes(self.done),
        }
    }
}

impl Plain {
    pub(crate) fn new(colours: Colours) -> Self {
        Self {
            colours,
            tasks: Mutex::default(),
        }
    }

    /// What there is to say about an event at a moment.
    fn lines(&self, event: Event, now: Instant) -> Option<String> {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Started { task, work, total } => {
                let words = words::work(&work);
                let size = total.map_or_else(String::new, |t| format!(" ({})", bytes(t)));
                let line = format!("{words}{size}\n");
                let running = Running {
                    words,
                    total,
                    done: 0,
                    said: now,
                };
                tasks.insert(task, running);
                Some(line)
            }
            Event::Advanced { task, bytes } => {
                let running = tasks.get_mut(&task)?;
                running.done += bytes;
                if now.duration_since(running.said) < EVERY {
                    return None;
                }
                running.said = now;
                Some(format!("{}: {}\n", running.words, running.position()))
            }
            Event::Finished { task, elapsed } => {
                let running = tasks.remove(&task)?;
                let time = seconds(elapsed);
                Some(if running.done > 0 {
                    format!("{}: {} in {time}\n", running.words, bytes(running.done))
                } else {
                    format!("{}: {time}\n", running.words)
                })
            }
            Event::Retry {
                what,
                attempt,
                wait,
                cause,
            } => Some(words::retry(&what, attempt, wait, &cause) + "\n"),
            Event::BuildOutput { line } => Some(words::harmless(&line) + "\n"),
            Event::Warning(warning) => Some(words::warning(&warning, self.colours)),
            Event::Note(text) => Some(text + "\n"),
            _ => None,
        }
    }
}

impl Voice for Plain {
    fn event(&self, event: Event) {
        if let Some(lines) = self.lines(event, Instant::now()) {
            say(&lines);
        }
    }
}

#[cfg(test)]
mod tests {
    use offline_core::event::Work;

    use super::*;

    #[test]
    fn a_long_task_says_start_now_and_then_and_end() {
        let plain = Plain::new(Colours::new(false));
        let task = TaskId(1);
        let start = Instant::now();
        let advanced = |bytes| Event::Advanced { task, bytes };
        let mut log = String::new();
        let mut at = |event, seconds| {
            let now = start + Duration::from_secs(seconds);
            log.extend(plain.lines(event, now));
        };
        let work = Work::Pack {
            archive: "a.tar.zst".into(),
        };
        let total = Some(4 << 20);
        at(Event::Started { task, work, total }, 0);
        at(advanced(1 << 20), 1);
        at(advanced(1 << 20), 6);
        at(advanced(1 << 20), 7);
        at(advanced(1 << 20), 8);
        let elapsed = Duration::from_secs(8);
        at(Event::Finished { task, elapsed }, 8);
        insta::assert_snapshot!(log, @r"
        Packing a.tar.zst (4.0 MiB)
        Packing a.tar.zst: 2.0 MiB of 4.0 MiB (50%)
        Packing a.tar.zst: 4.0 MiB in 8.0 s
        ");
    }
}
