use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use offline_core::Event;
use offline_core::event::TaskId;
use serde_json::{Value, json};

use super::{Voice, say, words};

/// `advanced` is written no more often than this for one task.
const EVERY: Duration = Duration::from_millis(500);

/// `--progress json`: one object a line.
pub(crate) struct Json {
    tasks: Mutex<HashMap<TaskId, (u64, Instant)>>,
}

impl Json {
    pub(crate) fn new() -> Self {
        Self {
            tasks: Mutex::default(),
        }
    }

    fn object(&self, event: Event) -> Option<Value> {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        Some(match event {
            Event::Started { task, work, total } => {
                tasks.insert(task, (0, Instant::now()));
                json!({
                    "event": "started",
                    "task": task.0,
                    "work": words::work_name(&work),
                    "text": words::work(&work),
                    "total": total,
                })
            }
            Event::Advanced { task, bytes } => {
                let (done, said) = tasks.get_mut(&task)?;
                *done += bytes;
                if said.elapsed() < EVERY {
                    return None;
                }
                *said = Instant::now();
                json!({ "event": "advanced", "task": task.0, "done": *done })
            }
            Event::Finished { task, elapsed } => {
                let (done, _) = tasks.remove(&task)?;
                json!({
                    "event": "finished",
                    "task": task.0,
                    "done": done,
                    "seconds": elapsed.as_secs_f64(),
                })
            }
            Event::Retry {
                what,
                attempt,
                wait,
                cause,
            } => json!({
                "event": "retry",
                "what": what,
                "attempt": attempt,
                "wait_seconds": wait.as_secs_f64(),
                "cause": cause,
            }),
            Event::BuildOutput { line } => json!({ "event": "build_output", "line": line }),
            Event::Warning(warning) => json!({ "event": "warning", "warning": warning }),
            Event::Note(text) => json!({ "event": "note", "text": text }),
            _ => return None,
        })
    }
}

impl Voice for Json {
    fn event(&self, event: Event) {
        if let Some(object) = self.object(event) {
            say(&format!("{object}\n"));
        }
    }
}

#[cfg(test)]
mod tests {
    use offline_core::event::Work;

    use super::*;

    #[test]
    fn a_task_can_be_followed_by_its_number() {
        let json = Json::new();
        let task = TaskId(7);
        let (work, total) = (Work::Verify, Some(10));
        let started = json.object(Event::Started { task, work, total }).unwrap();
        assert_eq!(started["work"], "verify");
        assert!(json.object(Event::Advanced { task, bytes: 10 }).is_none());
        let elapsed = Duration::from_secs(1);
        let finished = json.object(Event::Finished { task, elapsed }).unwrap();
        assert_eq!(finished["task"], 7);
        assert_eq!(finished["done"], 10);
    }
}
