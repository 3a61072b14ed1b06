use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

/// Docker's global flags that take a value (docker/cli, `cli/flags/options.go`).
const WITH_VALUE: &[(&str, Option<u8>)] = &[
    ("config", None),
    ("context", Some(b'c')),
    ("host", Some(b'H')),
    ("log-level", Some(b'l')),
    ("tlscacert", None),
    ("tlscert", None),
    ("tlskey", None),
];

/// Docker's global flags that are switches.
const SWITCHES: &[(&str, Option<u8>)] =
    &[("debug", Some(b'D')), ("tls", None), ("tlsverify", None)];

/// Splits Docker's global flags off the front of an argument list.
///
/// Like Docker (`TopLevelCommand.HandleGlobalFlags`), this stops at the first
/// argument that is none of them: flags after a command belong to the command.
/// What is split off is kept as it was written, ready to stand before the
/// arguments of another docker command.
pub fn split_global_flags(args: Vec<OsString>) -> (Vec<OsString>, Vec<OsString>) {
    let mut global = Vec::new();
    let mut rest = args.into_iter().peekable();
    while let Some(argument) = rest.peek() {
        match shape(argument) {
            Shape::Other => break,
            Shape::Whole => global.extend(rest.next()),
            Shape::ValueFollows => {
                global.extend(rest.next());
                global.extend(rest.next());
            }
        }
    }
    (global, rest.collect())
}

enum Shape {
    /// A global flag, with its value if it needs one.
    Whole,
    /// A global flag whose value is the next argument.
    ValueFollows,
    /// Something else.
    Other,
}

fn shape(argument: &OsStr) -> Shape {
    let bytes = argument.as_bytes();
    if let Some(long) = bytes.strip_prefix(b"--") {
        let (name, has_value) = match long.iter().position(|b| *b == b'=') {
            Some(at) => (&long[..at], true),
            None => (long, false),
        };
        let is = |flags: &[(&str, Option<u8>)]| flags.iter().any(|(l, _)| l.as_bytes() == name);
        return match (is(WITH_VALUE), is(SWITCHES), has_value) {
            (true, _, false) => Shape::ValueFollows,
            (true, _, true) | (_, true, _) => Shape::Whole,
            _ => Shape::Other,
        };
    }
    // Short flags may share a dash (-Dc remote), as pflag reads them.
    let Some(mut letters) = bytes.strip_prefix(b"-").filter(|l| !l.is_empty()) else {
        return Shape::Other;
    };
    while let Some((letter, following)) = letters.split_first() {
        let is = |flags: &[(&str, Option<u8>)]| flags.iter().any(|(_, s)| *s == Some(*letter));
        if is(WITH_VALUE) {
            return if following.is_empty() {
                Shape::ValueFollows
            } else {
                Shape::Whole
            };
        }
        if !is(SWITCHES) {
            return Shape::Other;
        }
        if following.first() == Some(&b'=') {
            return Shape::Whole;
        }
        letters = following;
    }
    Shape::Whole
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(args: &[&str]) -> (Vec<String>, Vec<String>) {
        let words = |list: Vec<OsString>| list.iter().map(|a| a.to_str().unwrap().into()).collect();
        let (global, rest) = split_global_flags(args.iter().map(Into::into).collect());
        (words(global), words(rest))
    }

    #[test]
    fn every_spelling_that_docker_reads() {
        for global in [
            vec!["--context", "x"],
            vec!["--context=x"],
            vec!["-c", "x"],
            vec!["-cx"],
            vec!["-c=x"],
            vec!["-Dc", "x"],
            vec!["-Dcx"],
            vec!["-D"],
            vec!["-D=true"],
            vec!["--debug=false"],
            vec!["-H", "tcp://h:2376", "--tlsverify", "--tlscacert", "ca.pem"],
            vec!["--config", "offline", "-l", "debug"],
        ] {
            let mut all = global.clone();
            all.extend(["offline", "export", "-c", "y"]);
            let (found, rest) = split(&all);
            assert_eq!(found, global);
            assert_eq!(rest, ["offline", "export", "-c", "y"]);
        }
    }

    #[test]
    fn a_flag_of_the_command_is_left_to_it() {
        for own in ["--help", "-f", "--contexts", "-", "--", "-Dx", "--version"] {
            let (global, rest) = split(&[own, "x"]);
            assert!(global.is_empty(), "{own}");
            assert_eq!(rest, [own, "x"]);
        }
    }

    #[test]
    fn a_missing_value_is_left_for_docker_to_complain_about() {
        assert_eq!(split(&["--context"]).0, ["--context"]);
    }
}
