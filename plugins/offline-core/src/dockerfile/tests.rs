//! Dockerfiles with a catch.

use std::path::Path;

use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Dockerfile {
    parse(text, Path::new("Dockerfile")).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

fn runs(stage: &Stage) -> Vec<&Run> {
    stage
        .instructions
        .iter()
        .filter_map(|i| match &i.kind {
            InstructionKind::Run(run) => Some(run),
            _ => None,
        })
        .collect()
}

const TRICKY: &[&str] = &[
    "FROM debian\n",
    "\u{feff}# escape=`\r\nFROM debian `\r\n  AS Base\r\nRUN a `\r\n  # comment\r\n  b\r\nFROM base\r\n",
    "# syntax=docker/dockerfile:1\nARG A=1 B=\"2 3\"\nARG C\nFROM --platform=$BUILDPLATFORM x:${A:-y} AS a\nFROM a\nCOPY --from=0 --link /x /y\n",
    "FROM a\nRUN <<EOF\nFROM fake\nEOF\nFROM b\n",
    "FROM a\nRUN cat <<EOF >/x && cat <<-E2 >/y\nFROM one\nEOF\n\tFROM two\n\tE2\nCOPY <<f <<\"g\" /d/\nFROM f\nf\nFROM g\ng\nFROM b\nRUN x\n",
    "FROM deb\\\nian\\\n  # FROM no\n:12 \\\n\nRUN x\nFROM scratch",
    "from a as b\nrun x\nFrom b\nonbuild run <<E\nFROM no\nE\n",
    "FROM a AS same\nFROM b AS same\nFROM same\n",
    "FROM a # no comment here is an error in docker too\n",
    "FROM a\nRUN echo \\\\\nRUN b\nFROM c",
    "FROM offline-stage-0\nFROM x\nCOPY --from=offline-stage-1 a b\n",
    "FROM a\nCOPY [\"x y\", \"z\"]\nADD [\"x\",\"y\",\"z\"]\n",
    "FROM a\nRUN [\"a\", \"<<EOF\"]\nHEALTHCHECK --interval=1s CMD x\nSHELL [\"a\"]\nUSER $x\nFROM b",
];

#[test]
fn lines_and_names() {
    let file = read(TRICKY[1]);
    assert_eq!(file.escape, '`');
    assert_eq!(file.stages[0].name.as_deref(), Some("Base"));
    assert_eq!(file.stages[1].line, 7);
    assert_eq!(runs(&file.stages[0])[0].command, "a   b");
    assert!(file.stage_named("base").is_some());
}

#[test]
fn args_of_all_kinds() {
    let file = read(TRICKY[2]);
    let names: Vec<_> = file.global_args.iter().map(|a| a.name.as_str()).collect();
    assert_eq!(names, ["A", "B", "C"]);
    assert_eq!(file.global_args[1].default.as_deref(), Some("\"2 3\""));
    assert_eq!(file.stages[0].platform.as_deref(), Some("$BUILDPLATFORM"));
    assert_eq!(
        file.syntax.as_ref().map(|(s, _)| s.as_str()),
        Some("docker/dockerfile:1")
    );
    let InstructionKind::Copy(copy) = &file.stages[1].instructions[0].kind else {
        panic!()
    };
    assert!(copy.link);
    assert_eq!(copy.from.as_deref(), Some("0"));
}

#[test]
fn heredocs_are_bodies_not_instructions() {
    let file = read(TRICKY[4]);
    assert_eq!(file.stages.len(), 2);
    let run = runs(&file.stages[0])[0];
    assert_eq!(run.command, "cat <<EOF >/x && cat <<-E2 >/y");
    assert_eq!(run.heredocs, ["FROM one\n", "\tFROM two\n"]);
    let InstructionKind::Copy(copy) = &file.stages[0].instructions[1].kind else {
        panic!()
    };
    assert_eq!(copy.sources, [] as [&str; 0]);
    assert_eq!(copy.heredocs.len(), 2);
    assert_eq!(file.stages[1].line, 12);
}

#[test]
fn errors_carry_file_and_line() {
    for (text, line, why) in [
        ("FROM a\nRUNN x\n", 2, "RUNN"),
        ("RUN x\nFROM a\n", 1, "FROM"),
        ("# only a comment\n", 1, "FROM"),
        ("FROM a\nRUN <<E\nx\n", 2, "heredoc"),
        ("FROM a\n\nFROM b c d\n", 3, ""),
        ("FROM a AS 1x\n", 1, "invalid name"),
        ("FROM a\nLABEL\n", 2, ""),
        ("FROM a\nSHELL sh -c\n", 2, ""),
        ("FROM a\nHEALTHCHECK --retries=1 curl x\n", 2, ""),
        ("ENTRYPOINT []\nFROM a\n", 1, "FROM"),
    ] {
        let error = parse(text, Path::new("x/Dockerfile")).unwrap_err();
        assert_eq!(error.line, line, "{error}");
        assert!(
            error
                .to_string()
                .starts_with(&format!("x/Dockerfile:{line}: "))
        );
        assert!(error.why.contains(why), "{error}");
    }
}

/// Forms that BuildKit builds (the story `builds_every_form_of_a_dockerfile` has an
/// engine say so), each beside what is seen in the stage that it belongs to.
const FORMS: &[(&str, &[&str])] = &[
    ("ENTRYPOINT []", &["ENTRYPOINT"]),
    (
        "ENTRYPOINT [ ]\nCMD []\nENTRYPOINT\nCMD",
        &["ENTRYPOINT", "CMD", "ENTRYPOINT", "CMD"],
    ),
    (
        "CMD [\"a\", 'b']\nCMD [\"a\" \"b\"]\nCMD [\"a\",]\nCMD [x",
        &["CMD", "CMD", "CMD", "CMD"],
    ),
    (
        "ENTRYPOINT [\"a\", \\\n  # why\n\n  \"b\"]",
        &["ENTRYPOINT"],
    ),
    ("RUN", &["RUN"]),
    (
        "RUN [\"true\"] && true\nRUN [ -d / ]\nRUN [[ -d / ]] || true",
        &["RUN", "RUN", "RUN"],
    ),
    ("RUN\ttrue\n\tRUN true\n  run true", &["RUN", "RUN", "RUN"]),
    ("RU\\\nN true", &["RUN"]),
    ("RUN true \\  \n# one\n\n   # two\n  && true", &["RUN"]),
    (
        "HEALTHCHECK NONE\nhealthcheck none",
        &["HEALTHCHECK", "HEALTHCHECK"],
    ),
    (
        "HEALTHCHECK --interval=5s \\\n # why\n --retries=2 CMD [\"true\"]",
        &["HEALTHCHECK"],
    ),
    ("HEALTHCHECK --interval=5s NONE", &["HEALTHCHECK"]),
    ("MAINTAINER Some One <a@b.c>", &["MAINTAINER"]),
    (
        "SHELL [\"/bin/sh\", \"-c\"]\nLABEL a=b c='d e'\nlabel old form",
        &["SHELL", "LABEL", "LABEL"],
    ),
    (
        "VOLUME [\"/a\"]\nVOLUME /a /b\nEXPOSE 80 81/udp\nUSER root\nSTOPSIGNAL 9\nWORKDIR a b",
        &[
            "VOLUME",
            "VOLUME",
            "EXPOSE",
            "USER",
            "STOPSIGNAL",
            "WORKDIR",
        ],
    ),
    (
        "ONBUILD ENTRYPOINT []\nONBUILD CMD []\nONBUILD SHELL [\"a\"]\nONBUILD VOLUME /x\nONBUILD HEALTHCHECK NONE\nONBUILD RUN []\nONBUILD COPY --parents a b\nONBUILD ADD x\nONBUILD ARG A\nONBUILD LATER x\nonbuild run cat <<E\nFROM no\nE",
        &["ONBUILD"; 11],
    ),
    ("CMD cat <<EOF", &["CMD"]),
    ("RUN <<E cat\n# x\nCMD []\nE\nCMD []", &["RUN", "CMD"]),
    ("RUN cat <<-'A' <<B\n\tx\n\tA\n\nB", &["RUN"]),
    ("COPY <<a <<\"b\" /d/\nENTRYPOINT []\na\nb", &["COPY"]),
    (
        "ENV a b c\nENV d=\"e f\" g=h\\ i\nARG A B=1 C",
        &["ENV", "ENV", "ARG"],
    ),
    ("CMD echo \\\\\nCMD x", &["CMD", "CMD"]),
    (
        "COPY [\"a b\", \"/c d/\"]\nCOPY [a b /c/",
        &["COPY", "COPY"],
    ),
    (
        "COPY --parents --exclude=*.md --exclude=b --link=false --chmod=u=rw --chown=1:1 a /b\nADD --unpack=false --keep-git-dir --checksum=sha256:0 https://a/b /c\nRUN --device=vendor/x=all --network=none --security=sandbox true",
        &["COPY", "ADD", "RUN"],
    ),
];

fn keyword(kind: &InstructionKind) -> &'static str {
    match kind {
        InstructionKind::Run(_) => "RUN",
        InstructionKind::Copy(_) => "COPY",
        InstructionKind::Add(_) => "ADD",
        InstructionKind::Arg(_) => "ARG",
        InstructionKind::Env(_) => "ENV",
        InstructionKind::Onbuild(_) => "ONBUILD",
        InstructionKind::Other(keyword) => keyword,
    }
}

#[test]
fn what_buildkit_builds_is_read() {
    for (form, expected) in FORMS {
        for (before, after) in [
            ("FROM a\n", "\nFROM a AS last\nRUN x\n"),
            (
                "\u{feff}# check=skip=all\nARG A=1 B\nFROM --platform=$A a AS one\n",
                "\nfrom a as last\nRUN x",
            ),
        ] {
            for newline in ["\n", "\r\n"] {
                let text = format!("{before}{form}{after}").replace('\n', newline);
                let file = read(&text);
                let found: Vec<&str> = file.stages[0]
                    .instructions
                    .iter()
                    .map(|i| keyword(&i.kind))
                    .collect();
                assert_eq!(&found, expected, "{text}");
                assert_eq!(file.stages.len(), 2, "{text}");
                let lines = u32::try_from(text.lines().count()).unwrap();
                assert_eq!(file.stages[1].line, lines - 1, "{text}");
                assert_eq!(file.not_understood, [], "{text}");
                naming_changes_nothing_else(&text);
            }
        }
    }
}

#[test]
fn an_instruction_of_another_frontend_is_passed_over() {
    let file = read("# syntax=a/b\nFROM a\nLATER <x> \\\n  y\nRUN z\n");
    assert_eq!(file.not_understood, [(3, "LATER".to_owned())]);
    assert_eq!(file.stages[0].instructions[0].line, 5);
}

fn without_names(file: &Dockerfile) -> Vec<Stage> {
    file.stages
        .iter()
        .cloned()
        .map(|mut stage| {
            for instruction in &mut stage.instructions {
                without_position(instruction);
            }
            Stage {
                name: None,
                from_end: 0,
                ..stage
            }
        })
        .collect()
}

fn without_position(instruction: &mut Instruction) {
    match &mut instruction.kind {
        InstructionKind::Run(run) => {
            run.keyword_end = 0;
            run.command_start = 0;
            for mount in &mut run.mounts {
                mount.options_end = 0;
            }
        }
        InstructionKind::Copy(copy) => copy.link_ends = (0, 0),
        InstructionKind::Onbuild(inner) => without_position(inner),
        _ => {}
    }
}

fn naming_changes_nothing_else(text: &str) {
    let Ok(before) = parse(text, Path::new("Dockerfile")) else {
        return;
    };
    let (renamed, names) = with_named_stages(text, &before);
    let after = read(&renamed);
    assert_eq!(renamed.lines().count(), text.lines().count());
    assert_eq!(without_names(&before), without_names(&after), "{renamed}");
    for (stage, name) in after.stages.iter().zip(&names) {
        assert_eq!(stage.name.as_ref(), Some(name), "{renamed}");
    }
}

#[test]
fn tricky_files_keep_their_meaning_when_named() {
    for text in TRICKY {
        naming_changes_nothing_else(text);
    }
    let (_, names) = with_named_stages(TRICKY[10], &read(TRICKY[10]));
    assert_eq!(names, ["offline-stage-0-x", "offline-stage-1-x"]);
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("FROM debian".to_owned()),
        Just("FROM --platform=$X a:1 AS st".to_owned()),
        Just("FROM a \\".to_owned()),
        Just("  AS other".to_owned()),
        Just("RUN cat <<EOF > x".to_owned()),
        Just("RUN a && \\".to_owned()),
        Just("EOF".to_owned()),
        Just("# comment \\".to_owned()),
        Just(String::new()),
        Just("COPY --from=st <<EOF a b".to_owned()),
        Just("ONBUILD RUN <<EOF".to_owned()),
        Just("ARG A=b C".to_owned()),
        "\\PC{0,20}",
    ]
}

proptest! {
    #[test]
    fn any_file_keeps_its_meaning_when_named(
        lines in prop::collection::vec(line(), 0..12),
        crlf in any::<bool>(),
    ) {
        naming_changes_nothing_else(&lines.join(if crlf { "\r\n" } else { "\n" }));
    }
}
