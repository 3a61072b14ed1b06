use std::ffi::OsString;
use std::fmt::Write as _;

use clap::{Arg, ArgAction, Command, ValueHint};

/// Directives of the protocol (spf13/cobra, `completions.go`).
const ERROR: u8 = 1;
const NO_FILES: u8 = 4;
const FILES: u8 = 0;
const FOLDERS_ONLY: u8 = 16;

/// Gives values of an argument that clap does not know, such as the services of
/// a project, from the command's name, the argument's id and the words before.
pub type Values<'a> = dyn Fn(&str, &str, &[String]) -> Option<Vec<String>> + 'a;

/// Answers a completion request in the protocol of Docker's plugins: one
/// candidate a line, with a tab before its description, then `:DIRECTIVE`,
/// which says whether the shell may offer files.
///
/// `words` are those after `docker offline`; the last one is being typed.
/// `values` may know more values of an argument than clap does.
pub fn complete(
    root: &Command,
    words: &[OsString],
    descriptions: bool,
    values: &Values<'_>,
) -> String {
    let mut root = root.clone();
    root.build();
    let words: Vec<String> = words
        .iter()
        // Docker's older bash completion writes an empty word as two quotes.
        .map(|w| w.to_string_lossy().trim_matches('\'').to_owned())
        .collect();
    let Some((typed, before)) = words.split_last() else {
        return format!(":{ERROR}\n");
    };
    let position = Position::after(&root, before);
    let (mut candidates, directive) = position.candidates(typed, before, values);
    candidates.retain(|(value, _)| value.starts_with(typed.as_str()));
    let mut text = String::new();
    for (value, description) in candidates {
        match description {
            Some(words) if descriptions => {
                let _ = writeln!(text, "{value}\t{words}");
            }
            _ => {
                let _ = writeln!(text, "{value}");
            }
        }
    }
    let _ = writeln!(text, ":{directive}");
    text
}

type Candidates = Vec<(String, Option<String>)>;

/// Where in the grammar the word being typed stands.
struct Position<'a> {
    command: &'a Command,
    /// An option whose value is being typed.
    option: Option<&'a Arg>,
    /// Positional arguments so far.
    positionals: usize,
    /// After `--` there are no options.
    only_positionals: bool,
}

impl<'a> Position<'a> {
    fn after(root: &'a Command, before: &[String]) -> Self {
        let mut at = Self {
            command: root,
            option: None,
            positionals: 0,
            only_positionals: false,
        };
        for word in before {
            at.step(word);
        }
        at
    }

    fn step(&mut self, word: &str) {
        if self.option.take().is_some() {
            return;
        }
        if word == "--" {
            self.only_positionals = true;
        } else if !self.only_positionals && word.starts_with('-') && word.len() > 1 {
            self.option = self.option_awaiting_value(word);
        } else if let Some(command) = self.subcommand(word) {
            self.command = command;
        } else {
            self.positionals += 1;
        }
    }

    fn subcommand(&self, word: &str) -> Option<&'a Command> {
        let first = self.positionals == 0 && !self.only_positionals;
        self.command.find_subcommand(word).filter(|_| first)
    }

    /// The option, if the next word is its value.
    fn option_awaiting_value(&self, word: &str) -> Option<&'a Arg> {
        let found = if let Some(long) = word.strip_prefix("--") {
            self.command
                .get_arguments()
                .find(|a| a.get_long() == Some(long))
        } else {
            let letter = word.chars().last();
            self.command
                .get_arguments()
                .find(|a| a.get_short().is_some() && a.get_short() == letter)
        };
        found.filter(|a| takes_value(a))
    }

    fn candidates(&self, typed: &str, before: &[String], values: &Values<'_>) -> (Candidates, u8) {
        let more = |arg: &Arg| values(self.command.get_name(), arg.get_id().as_str(), before);
        if let Some(option) = self.option {
            return values_of(option, "", more(option));
        }
        if typed.starts_with('-') && !self.only_positionals {
            if let Some((name, _)) = typed.split_once('=') {
                return match self.option_awaiting_value(name) {
                    Some(option) => values_of(option, &format!("{name}="), more(option)),
                    None => (Vec::new(), NO_FILES),
                };
            }
            return (self.options(), NO_FILES);
        }
        let mut found: Candidates = Vec::new();
        if self.positionals == 0 && !self.only_positionals {
            let visible = self.command.get_subcommands().filter(|c| !c.is_hide_set());
            found.extend(visible.map(|c| {
                let about = c.get_about().map(ToString::to_string);
                (c.get_name().to_owned(), about)
            }));
        }
        let positionals: Vec<&Arg> = self.command.get_positionals().collect();
        let positional = positionals
            .get(self.positionals)
            .or_else(|| positionals.last().filter(|a| repeats(a)));
        let Some(positional) = positional else {
            return (found, NO_FILES);
        };
        let (more, directive) = values_of(positional, "", more(positional));
        found.extend(more);
        (found, directive)
    }

    fn options(&self) -> Candidates {
        let visible = self.command.get_arguments().filter(|a| !a.is_hide_set());
        visible
            .filter_map(|a| {
                let long = a.get_long()?;
                let help = a.get_help().map(ToString::to_string);
                Some((format!("--{long}"), help))
            })
            .collect()
    }
}

fn values_of(arg: &Arg, prefix: &str, more: Option<Vec<String>>) -> (Candidates, u8) {
    let mut found: Candidates = arg
        .get_possible_values()
        .iter()
        .filter(|v| !v.is_hide_set())
        .map(|v| {
            let help = v.get_help().map(ToString::to_string);
            (format!("{prefix}{}", v.get_name()), help)
        })
        .collect();
    let more = more.unwrap_or_default().into_iter();
    found.extend(more.map(|v| (format!("{prefix}{v}"), None)));
    let directive = match arg.get_value_hint() {
        ValueHint::FilePath | ValueHint::AnyPath => FILES,
        ValueHint::DirPath => FOLDERS_ONLY,
        _ => NO_FILES,
    };
    (found, directive)
}

fn takes_value(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Set | ArgAction::Append)
}

fn repeats(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Append)
        || arg.get_num_args().is_some_and(|n| n.max_values() > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> Command {
        Command::new("offline")
            .disable_help_subcommand(true)
            .subcommand(
                Command::new("export")
                    .about("Pack it")
                    .arg(Arg::new("services").action(ArgAction::Append).num_args(0..))
                    .arg(
                        Arg::new("files")
                            .short('f')
                            .long("file")
                            .value_hint(ValueHint::FilePath),
                    )
                    .arg(
                        Arg::new("cache_dir")
                            .long("cache-dir")
                            .value_hint(ValueHint::DirPath),
                    )
                    .arg(
                        Arg::new("format")
                            .long("format")
                            .help("How")
                            .value_parser(["text", "json"]),
                    ),
            )
            .subcommand(Command::new("secret").hide(true))
    }

    fn ask(words: &[&str]) -> String {
        let words: Vec<OsString> = words.iter().map(Into::into).collect();
        let services = |command: &str, id: &str, _: &[String]| {
            (command == "export" && id == "services").then(|| vec!["web".into(), "db".into()])
        };
        complete(&root(), &words, true, &services)
    }

    #[test]
    fn commands_but_not_hidden_ones() {
        assert_eq!(ask(&[""]), "export\tPack it\n:4\n");
        assert_eq!(ask(&["s"]), ":4\n");
    }

    #[test]
    fn options_with_their_help() {
        assert_eq!(ask(&["export", "--fo"]), "--format\tHow\n:4\n");
    }

    #[test]
    fn values_of_options_in_both_spellings() {
        assert_eq!(ask(&["export", "--format", "j"]), "json\n:4\n");
        assert_eq!(ask(&["export", "--format=j"]), "--format=json\n:4\n");
    }

    #[test]
    fn files_and_folders_are_the_shells() {
        assert_eq!(ask(&["export", "-f", ""]), ":0\n");
        assert_eq!(ask(&["export", "--cache-dir", ""]), ":16\n");
    }

    #[test]
    fn services_come_from_the_project() {
        assert_eq!(ask(&["export", "-f", "a.yaml", "db", "w"]), "web\n:4\n");
        assert_eq!(ask(&["export", "''"]), "web\ndb\n:4\n");
    }
}
