use crate::{Engine, Ran, Workspace};

/// A command that must refuse what it is given, in words, and leave everything
/// as it was.
#[derive(Debug)]
pub struct Refusal<'a> {
    engine: &'a Engine,
    project: &'a Workspace,
    args: Vec<String>,
    env: Vec<(String, String)>,
    but: Vec<String>,
}

impl<'a> Refusal<'a> {
    /// `docker offline ARGS` in the folder of a project.
    pub fn of(engine: &'a Engine, project: &'a Workspace, args: &[&str]) -> Self {
        Self {
            engine,
            project,
            args: args.iter().map(|&a| a.to_owned()).collect(),
            env: Vec::new(),
            but: Vec::new(),
        }
    }

    /// It may leave this behind, for the next run to go on from.
    #[must_use]
    pub fn but_for(mut self, name: &str) -> Self {
        self.but.push(name.to_owned());
        self
    }

    /// With a variable in its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Runs it. It must exit with this code within a minute, say each of these
    /// words, and touch neither project nor engine.
    pub fn says(self, code: i32, words: &[&str]) -> Ran {
        let but: Vec<&str> = self.but.iter().map(String::as_str).collect();
        let files = self.project.listing(&but);
        let images = self.engine.images();
        let mut run = self
            .engine
            .offline(self.project.path(), &self.args)
            .within(60);
        for (name, value) in &self.env {
            run = run.env(name, value.as_str());
        }
        let ran = run.fails_with(code, words);
        let error = ran
            .stderr
            .lines()
            .find(|l| l.starts_with("error:"))
            .unwrap_or_default();
        crate::say(format!("      {}", error.trim()));
        assert_eq!(
            files,
            self.project.listing(&but),
            "the project's folder is as it was: {ran}"
        );
        assert_eq!(
            images,
            self.engine.images(),
            "the engine has what it had: {ran}"
        );
        ran
    }
}

/// Whether a text names a line of a file, as `file:12`.
pub fn names_a_line_of(text: &str, file: &str) -> bool {
    text.match_indices(&format!("{file}:"))
        .any(|(at, found)| text[at + found.len()..].starts_with(|c: char| c.is_ascii_digit()))
}
