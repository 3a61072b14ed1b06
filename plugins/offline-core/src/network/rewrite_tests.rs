use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::dockerfile::{self, Instruction};
use crate::network::first_network_steps;

fn read(text: &str) -> Dockerfile {
    dockerfile::parse(text, Path::new("Dockerfile")).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

/// Rewritten from the first network steps on, with the flags and the ARG line
/// shortened.
fn shortened(text: &str, variables: Variables) -> String {
    let file = read(text);
    let rewritten = rewrite(
        text,
        &file,
        &first_network_steps(&file),
        variables,
        Caches::Shared,
    );
    rewritten
        .text
        .replace(&flags(variables), " {flags}")
        .replace(&arguments(), "{arguments}\n")
}

#[test]
fn flags_come_first_and_all_else_stays() {
    for (before, after) in [
        ("FROM a\nRUN pip install x\n", "FROM a\nRUN {flags} pip install x\n"),
        (
            "FROM a\n  run --mount=type=cache,target=/c \\\n # why\n  --network=host \\\n  curl x && \\\n  b\nRUN mkdir x",
            "FROM a\n  run {flags} --mount=type=cache,target=/c \\\n # why\n  --network=host \\\n  curl x && \\\n  b\nRUN mkdir x",
        ),
        (
            "# syntax=docker/dockerfile:1\n# escape=`\r\nFROM a\r\nRUN `\r\n  curl x\r\n",
            "# syntax=docker/dockerfile:1\n# escape=`\r\nFROM a\r\nRUN {flags} `\r\n  curl x\r\n",
        ),
        (
            "FROM a\nRUN <<EOF\nRUN curl x\nEOF\nRUN cat <<EOF >x && curl y\nRUN curl\nEOF\n",
            "FROM a\nRUN <<EOF\nRUN curl x\nEOF\nRUN {flags} cat <<EOF >x && curl y\nRUN curl\nEOF\n"
                .replacen("RUN <<EOF", "RUN {flags} <<EOF", 1)
                .leak(),
        ),
        (
            "FROM a\nRUN [\"curl\", \"x\"]\nONBUILD RUN curl y\n",
            "FROM a\nRUN {flags} [\"curl\", \"x\"]\nONBUILD RUN curl y\n",
        ),
        ("\u{feff}FROM a\nRUN\tcurl x", "\u{feff}FROM a\nRUN {flags}\tcurl x"),
        ("FROM a\nRUN mkdir x\n", "FROM a\nRUN mkdir x\n"),
    ] {
        assert_eq!(shortened(before, Variables::Secrets), after);
    }
}

#[test]
fn arguments_come_before_the_first_of_each_stage() {
    let text = "FROM a AS one\nCOPY . .\n# why\n  RUN curl x\nRUN make\nFROM b\nRUN mkdir y\nFROM one\nRUN <<E\ncurl z\nE\n";
    assert_eq!(
        shortened(text, Variables::Arguments),
        "FROM a AS one\nCOPY . .\n# why\n{arguments}\n  RUN {flags} curl x\nRUN {flags} make\nFROM b\nRUN mkdir y\nFROM one\n{arguments}\nRUN {flags} <<E\ncurl z\nE\n"
    );
    let file = read(text);
    let from = first_network_steps(&file);
    let rewritten = rewrite(text, &file, &from, Variables::Arguments, Caches::Shared);
    let lines: Vec<_> = [4, 5, 6, 10, 11]
        .iter()
        .map(|line| rewritten.lines.original(*line))
        .collect();
    assert_eq!(lines, [None, Some(4), Some(5), None, Some(9)]);
    assert_eq!(rewritten.lines.rewritten(9), 11);
}

#[test]
fn only_from_the_given_step_on() {
    let text = "FROM a\nRUN curl x\nCOPY . .\nRUN curl y\nFROM b\nRUN curl z\n";
    let from = RewriteFrom { stage: 0, step: 1 };
    let rewritten = rewrite(
        text,
        &read(text),
        &[from],
        Variables::Secrets,
        Caches::Shared,
    );
    assert_eq!(
        rewritten
            .text
            .replace(&flags(Variables::Secrets), " {flags}"),
        "FROM a\nRUN curl x\nCOPY . .\nRUN {flags} curl y\nFROM b\nRUN curl z\n"
    );
    let nothing = rewrite(text, &read(text), &[], Variables::Secrets, Caches::Shared);
    assert_eq!((nothing.text.as_str(), nothing.secrets.len()), (text, 0));
}

#[test]
fn arguments_come_again_after_a_variable_of_the_same_name() {
    let text = "FROM a\nENV PIP_CERT=/x\nRUN curl y\nENV A=b\nRUN curl y\nENV PIP_CERT=/x A=b\nRUN mkdir y\nRUN curl z\nARG SSL_CERT_FILE\nRUN curl z\n";
    assert_eq!(
        shortened(text, Variables::Arguments),
        "FROM a\nENV PIP_CERT=/x\n{arguments}\nRUN {flags} curl y\nENV A=b\nRUN {flags} curl y\nENV PIP_CERT=/x A=b\nRUN mkdir y\n{arguments}\nRUN {flags} curl z\nARG SSL_CERT_FILE\n{arguments}\nRUN {flags} curl z\n"
    );
}

#[test]
fn caches_of_their_own() {
    let text = "FROM a\nRUN --mount=type=cache,target=/c \\\n  --mount=type=bind,target=/b --mount=type=cache,id=x,\"target=/d,e\" curl y\nRUN --mount=type=cache,target=/c mkdir /z\n";
    let file = read(text);
    let from = first_network_steps(&file);
    let rewritten = rewrite(text, &file, &from, Variables::Secrets, Caches::Fresh("w1"));
    assert_eq!(
        rewritten.text.replace(&flags(Variables::Secrets), ""),
        "FROM a\nRUN --mount=type=cache,target=/c,id=w1-/c \\\n  --mount=type=bind,target=/b --mount=type=cache,id=x,\"target=/d,e\",id=w1-x curl y\nRUN --mount=type=cache,target=/c mkdir /z\n"
    );
}

#[test]
fn every_mount_has_its_secret() {
    let text = "FROM a\nRUN sudo apt-get install aria2c\n";
    let file = read(text);
    for variables in [Variables::Arguments, Variables::Secrets] {
        let rewritten = rewrite(
            text,
            &file,
            &first_network_steps(&file),
            variables,
            Caches::Shared,
        );
        for secret in &rewritten.secrets {
            assert!(rewritten.text.contains(&format!("id={},", secret.id)));
        }
        let mounts = rewritten.text.matches("--mount").count();
        assert_eq!(mounts, rewritten.secrets.len());
        assert!(rewritten.text.lines().all(|l| l.len() < 8000));
    }
}

fn stripped(file: &Dockerfile) -> Vec<Vec<InstructionKind>> {
    let of = |instruction: &Instruction| match instruction.kind.clone() {
        InstructionKind::Run(mut run) => {
            run.keyword_end = 0;
            run.command_start = 0;
            for mount in &mut run.mounts {
                mount.options_end = 0;
                if mount.mount_type == "cache" {
                    mount.id = None;
                }
            }
            run.mounts.retain(|m| {
                !m.id
                    .as_deref()
                    .is_some_and(|id| id.starts_with("docker-offline-"))
            });
            let ours = run.flags.iter().filter(|f| *f == "mount").count() - run.mounts.len();
            run.flags.drain(..ours);
            Some(InstructionKind::Run(run))
        }
        InstructionKind::Arg(args) if args[0].name == "SSL_CERT_FILE" => None,
        InstructionKind::Onbuild(_) => Some(InstructionKind::Other("ONBUILD")),
        other => Some(other),
    };
    file.stages
        .iter()
        .map(|stage| stage.instructions.iter().filter_map(of).collect())
        .collect()
}

fn without_lines(kinds: &[Vec<InstructionKind>]) -> String {
    let text = format!("{kinds:?}");
    let number = regex::Regex::new("line: [0-9]+").unwrap();
    number.replace_all(&text, "").into_owned()
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("FROM debian".to_owned()),
        Just("FROM a AS st".to_owned()),
        Just("RUN curl <<EOF > x".to_owned()),
        Just("RUN --mount=type=cache,target=/x \\".to_owned()),
        Just("RUN \\".to_owned()),
        Just("R\\".to_owned()),
        Just("UN x".to_owned()),
        Just("  pip install y".to_owned()),
        Just("EOF".to_owned()),
        Just("# comment \\".to_owned()),
        Just(String::new()),
        Just("ONBUILD RUN <<EOF".to_owned()),
        Just("RUN [\"curl\"]".to_owned()),
        Just("ARG A=b C".to_owned()),
        "\\PC{0,20}",
    ]
}

proptest! {
    #[test]
    fn any_file_keeps_its_meaning(
        lines in prop::collection::vec(line(), 0..12),
        crlf in any::<bool>(),
        by_arguments in any::<bool>(),
    ) {
        let text = lines.join(if crlf { "\r\n" } else { "\n" });
        let variables = if by_arguments { Variables::Arguments } else { Variables::Secrets };
        if let Ok(before) = dockerfile::parse(&text, Path::new("Dockerfile")) {
            let rewritten = rewrite(&text, &before, &first_network_steps(&before), variables, if by_arguments { Caches::Shared } else { Caches::Fresh("w") });
            let after = read(&rewritten.text);
            let kinds = |file| without_lines(&stripped(file));
            prop_assert_eq!(kinds(&before), kinds(&after), "{}", rewritten.text);
            for (was, is) in before.stages.iter().zip(&after.stages) {
                prop_assert_eq!(rewritten.lines.original(is.line), Some(was.line));
            }
        }
    }
}

/// With our program in the steps that write their environment down, and in all others
/// that are rewritten where `every_step` says so.
fn cleaned_up(text: &str, every_step: bool) -> String {
    let file = read(text);
    let cleaner = Cleaner {
        image: "docker-offline.invalid/replay:1".into(),
        program: "/docker-offline",
        every_step,
    };
    let from = first_network_steps(&file);
    let variables = Variables::Secrets;
    let caches = Caches::Shared;
    let rewritten = rewrite_and_clean(text, &file, &from, variables, caches, Some(&cleaner));
    let given = rewritten
        .secrets
        .iter()
        .any(|s| s.id == "docker-offline-marks");
    assert!(given);
    let (begun, words) = (
        "/.docker-offline-run __step",
        "\"/.docker-offline-run\", \"__step\"",
    );
    rewritten
        .text
        .replace(&flags(variables), " {flags}")
        .replace(&cleaned::flags(&cleaner), " {program}")
        .replace(&mounts(past::PAST), "")
        .replace(&format!("{begun} $$; exit $?; "), "{begun}")
        .replace(&format!("{words}, \"--\", "), "{begun}")
}

#[test]
fn our_program_begins_what_writes_its_environment_down() {
    for (before, after) in [
        (
            "FROM a\nRUN pip install x\nRUN --mount=type=cache,target=/c \\\n  # why\n  curl x && \\\n  env > y\n",
            "FROM a\nRUN {flags} pip install x\nRUN {program} {flags} --mount=type=cache,target=/c \\\n  # why\n  {begun}curl x && \\\n  env > y\n",
        ),
        (
            "FROM a\nRUN export -p > x\nRUN pip install x\n",
            "FROM a\nRUN {program} {begun}export -p > x\nRUN {flags} pip install x\n",
        ),
        (
            "FROM a\nRUN curl x\nRUN [\"sh\", \"-c\", \"env > x\"]\n",
            "FROM a\nRUN {flags} curl x\nRUN {program} {flags} [{begun}\"sh\", \"-c\", \"env > x\"]\n",
        ),
        (
            "FROM a\nRUN <<-EOF\n\tcurl x\n\tenv > y\n\tEOF\nRUN cat <<A > x; curl y; env > z\nenv\nA\n",
            "FROM a\nRUN {program} {flags} <<-EOF\n{begun}\tcurl x\n\tenv > y\n\tEOF\nRUN {program} {flags} {begun}cat <<A > x; curl y; env > z\nenv\nA\n",
        ),
        (
            "FROM a\nRUN <<EOF\n#!/usr/bin/env python3\nopen('x', 'w').write(os.environ)\nEOF\n",
            "FROM a\nRUN {flags} <<EOF\n#!/usr/bin/env python3\nopen('x', 'w').write(os.environ)\nEOF\n",
        ),
        (
            "FROM a AS b\nSHELL [\"/usr/bin/pwsh\", \"-c\"]\nRUN curl x; env > y\nFROM b\nRUN curl x; env > y\nSHELL [\"/bin/bash\", \"-c\"]\nRUN curl x; env > y\n",
            "FROM a AS b\nSHELL [\"/usr/bin/pwsh\", \"-c\"]\nRUN {flags} curl x; env > y\nFROM b\nRUN {flags} curl x; env > y\nSHELL [\"/bin/bash\", \"-c\"]\nRUN {program} {flags} {begun}curl x; env > y\n",
        ),
    ] {
        // Flags are put in one place, ours first or last.
        let found = cleaned_up(before, false).replace("{flags} {program}", "{program} {flags}");
        assert_eq!(found, after);
        assert_eq!(read(&found).stages.len(), read(before).stages.len());
    }
    assert_eq!(
        cleaned_up("FROM a\nRUN mkdir x\nRUN make\n", true),
        "FROM a\nRUN mkdir x\nRUN {program} {flags} {begun}make\n"
    );
}

#[test]
fn a_step_before_what_is_kept_stays_as_it_is() {
    let text = "FROM a\nRUN curl x\nRUN export -p > y\nRUN curl z\n";
    let file = read(text);
    let from = [RewriteFrom { stage: 0, step: 2 }];
    let cleaner = Cleaner {
        image: "docker-offline.invalid/replay:1".into(),
        program: "/docker-offline",
        every_step: true,
    };
    let caches = Caches::Shared;
    let rewritten = rewrite_and_clean(
        text,
        &file,
        &from,
        Variables::Secrets,
        caches,
        Some(&cleaner),
    );
    assert!(
        rewritten
            .text
            .starts_with("FROM a\nRUN curl x\nRUN export -p > y\nRUN --mount")
    );
}
