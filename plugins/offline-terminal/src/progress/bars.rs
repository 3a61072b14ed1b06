use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use offline_core::Event;
use offline_core::event::TaskId;

use super::{Voice, bytes, say, seconds, words};
use crate::Colours;

/// Lines of a builder's output that stay in view while it works.
const SHOWN: usize = 6;
/// Lines that are kept, to be shown when the build fails.
const KEPT: usize = 60;

/// `--progress auto` on a terminal: a bar a task, and the end of what the
/// builder prints.
pub(crate) struct Bars {
    colours: Colours,
    screen: MultiProgress,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    tasks: HashMap<TaskId, Running>,
    output: VecDeque<String>,
    window: Vec<ProgressBar>,
}

struct Running {
    bar: ProgressBar,
    words: String,
    builds: bool,
}

impl Bars {
    pub(crate) fn new(colours: Colours) -> Self {
        Self {
            colours,
            screen: MultiProgress::new(),
            state: Mutex::default(),
        }
    }

    /// Prints for good, above the bars.
    fn print(&self, text: &str) {
        self.screen.suspend(|| say(text));
    }

    fn bar(&self, words: &str, total: Option<u64>) -> ProgressBar {
        let bar = match total {
            Some(total) => ProgressBar::new(total).with_style(style(
                "{spinner} {msg} [{wide_bar}] {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}, {eta} left",
            )),
            None => ProgressBar::new_spinner().with_style(style("{spinner} {wide_msg} {elapsed}")),
        };
        let bar = self.screen.insert(0, bar.with_message(words.to_owned()));
        bar.enable_steady_tick(Duration::from_millis(120));
        bar
    }

    fn output(&self, state: &mut State, line: &str) {
        let line = words::harmless(line);
        if line.trim().is_empty() {
            return;
        }
        if state.output.len() == KEPT {
            state.output.pop_front();
        }
        state.output.push_back(line);
        if state.window.len() < SHOWN {
            let bar = ProgressBar::new_spinner().with_style(style("  {wide_msg}"));
            state.window.push(self.screen.add(bar));
        }
        let first = state.output.len().saturating_sub(state.window.len());
        for (bar, line) in state.window.iter().zip(state.output.iter().skip(first)) {
            bar.set_message(self.colours.dim(line));
        }
    }
}

impl Voice for Bars {
    fn event(&self, event: Event) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Started { task, work, total } => {
                let words = words::work(&work);
                let running = Running {
                    bar: self.bar(&words, total),
                    words,
                    builds: words::builds(&work),
                };
                if running.builds {
                    state.output.clear();
                }
                state.tasks.insert(task, running);
            }
            Event::Advanced { task, bytes } => {
                if let Some(running) = state.tasks.get(&task) {
                    running.bar.inc(bytes);
                }
            }
            Event::Finished { task, elapsed } => {
                let Some(running) = state.tasks.remove(&task) else {
                    return;
                };
                let done = running.bar.position();
                running.bar.finish_and_clear();
                if running.builds && !state.tasks.values().any(|t| t.builds) {
                    clear(&mut state.window);
                }
                let size = if done > 0 {
                    format!("{} in ", bytes(done))
                } else {
                    String::new()
                };
                let figures = self.colours.dim(&format!("{size}{}", seconds(elapsed)));
                self.print(&format!("{}  {figures}\n", running.words));
            }
            Event::Retry {
                what,
                attempt,
                wait,
                cause,
            } => {
                self.print(&format!("{}\n", words::retry(&what, attempt, wait, &cause)));
            }
            Event::BuildOutput { line } => self.output(&mut state, &line),
            Event::Warning(warning) => self.print(&words::warning(&warning, self.colours)),
            Event::Note(text) => self.print(&format!("{text}\n")),
            _ => {}
        }
    }

    fn end(&self, show_build_output: bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        clear(&mut state.window);
        let _ = self.screen.clear();
        if show_build_output {
            for line in state.output.drain(..) {
                say(&format!("  {}\n", self.colours.dim(&line)));
            }
        }
    }
}

fn clear(window: &mut Vec<ProgressBar>) {
    for bar in window.drain(..) {
        bar.finish_and_clear();
    }
}

/// A template that does not parse would be a mistake here; the default style
/// still shows something.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_the_output_is_kept() {
        let bars = Bars::new(Colours::new(false));
        for line in 0..200 {
            bars.event(Event::BuildOutput {
                line: format!("line {line}"),
            });
        }
        let state = bars.state.lock().unwrap();
        assert_eq!(state.output.len(), KEPT);
        assert_eq!(state.output.back().unwrap(), "line 199");
        assert_eq!(state.window.len(), SHOWN);
    }
}
