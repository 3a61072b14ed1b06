use std::ffi::{OsStr, OsString};

use crate::global_flags::split_global_flags;
use crate::handshake::{HOOKS, METADATA};

/// Set by Docker's CLI for its plugins (docker/cli, `metadata.ReexecEnvvar`).
const REEXEC: &str = "DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND";

/// What the plugin is asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Say who it is.
    Metadata,
    /// Run hooks: there are none.
    Hooks,
    /// Complete a command line; the last word is the one being typed.
    Complete {
        /// The words after `offline`.
        words: Vec<OsString>,
        /// Whether descriptions are wanted beside the candidates.
        descriptions: bool,
    },
    /// Run a command with these arguments.
    Run(Vec<OsString>),
}

/// How a binary was called, by Docker's CLI or by a shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// Docker's global flags, for every docker command that is run.
    pub global_args: Vec<OsString>,
    /// Whether Docker's CLI made the call, so that help says `docker offline`.
    pub through_docker: bool,
    /// What is asked.
    pub request: Request,
}

impl Invocation {
    /// Reads this process's arguments as those of the plugin `plugin`.
    pub fn of_plugin(plugin: &str) -> Self {
        Self::read(
            std::env::args_os().skip(1).collect(),
            plugin,
            std::env::var_os(REEXEC).is_some(),
        )
    }

    /// Reads this process's arguments as those of a small binary: Docker's
    /// global flags first, then the command's own.
    pub fn of_binary() -> Self {
        let (global_args, rest) = split_global_flags(std::env::args_os().skip(1).collect());
        Self {
            global_args,
            through_docker: false,
            request: Request::Run(rest),
        }
    }

    /// Reads an argument list without the program's own name.
    ///
    /// Docker passes the user's whole list, global flags and the plugin's name
    /// included (docker/cli, `manager.PluginRunCommand`); a shell that calls the
    /// binary itself leaves the name out. `docker help offline` arrives as it
    /// was typed.
    fn read(args: Vec<OsString>, plugin: &str, by_docker: bool) -> Self {
        let (global_args, mut rest) = split_global_flags(args);
        let first = rest.first().cloned().unwrap_or_default();
        let named = |at: usize| rest.get(at).is_some_and(|a| a == plugin);
        let invocation = |through_docker, request| Self {
            global_args: global_args.clone(),
            through_docker,
            request,
        };
        if first == METADATA {
            return invocation(true, Request::Metadata);
        }
        if first == HOOKS {
            return invocation(true, Request::Hooks);
        }
        if first == "__complete" || first == "__completeNoDesc" {
            let descriptions = first == "__complete";
            // Docker's older bash completion passes the global flags here.
            let (_, mut words) = split_global_flags(rest.split_off(1));
            let through_docker = words.first().is_some_and(|w| w == plugin);
            if through_docker {
                words.remove(0);
            }
            let request = Request::Complete {
                words,
                descriptions,
            };
            return invocation(through_docker, request);
        }
        if first == "help" && (by_docker || named(1)) {
            let mut words = rest.split_off(if named(1) { 2 } else { 1 });
            words.truncate(1);
            words.push(OsStr::new("--help").into());
            return invocation(true, Request::Run(words));
        }
        if named(0) {
            return invocation(true, Request::Run(rest.split_off(1)));
        }
        invocation(by_docker, Request::Run(rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(args: &[&str]) -> Invocation {
        Invocation::read(args.iter().map(Into::into).collect(), "offline", false)
    }

    fn run(words: &[&str]) -> Request {
        Request::Run(words.iter().map(Into::into).collect())
    }

    #[test]
    fn docker_passes_the_whole_list() {
        let call = read(&["--context", "x", "-D", "offline", "export", "web"]);
        assert_eq!(call.global_args, ["--context", "x", "-D"]);
        assert!(call.through_docker);
        assert_eq!(call.request, run(&["export", "web"]));
    }

    #[test]
    fn a_shell_leaves_the_name_out() {
        let call = read(&["-c", "x", "export", "web"]);
        assert_eq!(call.global_args, ["-c", "x"]);
        assert!(!call.through_docker);
        assert_eq!(call.request, run(&["export", "web"]));
    }

    #[test]
    fn docker_asks_who_it_is() {
        assert_eq!(
            read(&["docker-cli-plugin-metadata"]).request,
            Request::Metadata
        );
        assert_eq!(
            read(&["docker-cli-plugin-hooks", "{}"]).request,
            Request::Hooks
        );
    }

    #[test]
    fn help_arrives_as_it_was_typed() {
        assert_eq!(read(&["help", "offline"]).request, run(&["--help"]));
        assert_eq!(
            read(&["help", "offline", "build"]).request,
            run(&["build", "--help"])
        );
    }

    #[test]
    fn completion_with_and_without_descriptions() {
        let complete = |words: &[&str], descriptions| Request::Complete {
            words: words.iter().map(Into::into).collect(),
            descriptions,
        };
        assert_eq!(
            read(&["__complete", "offline", "export", "--f", ""]).request,
            complete(&["export", "--f", ""], true)
        );
        assert_eq!(
            read(&["__completeNoDesc", "--context", "x", "offline", "ex"]).request,
            complete(&["ex"], false)
        );
    }
}
