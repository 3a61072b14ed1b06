//! Which RUN steps may use the network.

use super::RewriteFrom;
use super::local_commands::all_local;
use crate::closure::{drops_variables, executed, network_tool};
use crate::dockerfile::{Dockerfile, InstructionKind, Run};

/// Whether a RUN step uses the network, as far as its text tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// It names this program, which usually does.
    Yes(&'static str),
    /// It runs a script or a program of which nothing is known.
    Maybe,
    /// It runs only what certainly does not, or has no network.
    No,
}

/// Whether a step may use the network.
pub fn may_use(run: &Run) -> Network {
    if run.network.as_deref() == Some("none") {
        return Network::No;
    }
    let text = executed(run);
    match network_tool(&text) {
        Some(tool) => Network::Yes(tool),
        None if all_local(&text) => Network::No,
        None => Network::Maybe,
    }
}

/// Programs that work on what is there already as often as they fetch something.
const OFTEN_LOCAL: &[&str] = &[
    "bundle", "cabal", "cargo", "corepack", "dotnet", "flutter", "go", "gradle", "gradlew", "lein",
    "mix", "mvn", "mvnw", "npx", "poetry", "rustup", "sbt", "stack", "swift", "uv", "uvx", "yarn",
];

/// The program for which a step would be expected to ask for something: one that is
/// there to fetch, or any behind a command that drops the variables.
pub fn should_ask(run: &Run) -> Option<&'static str> {
    match may_use(run) {
        Network::Yes(tool) if run.network.is_none() => {
            let expected = !OFTEN_LOCAL.contains(&tool) || drops_variables(&executed(run));
            expected.then_some(tool)
        }
        _ => None,
    }
}

/// For each stage that has one, its first step that may use the network.
pub fn first_network_steps(dockerfile: &Dockerfile) -> Vec<RewriteFrom> {
    let stages = dockerfile.stages.iter();
    stages
        .filter_map(|stage| {
            let step = stage.instructions.iter().position(|instruction| {
                matches!(&instruction.kind, InstructionKind::Run(run) if may_use(run) != Network::No)
            })?;
            Some(RewriteFrom {
                stage: stage.index,
                step,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::dockerfile;

    fn of(line: &str) -> Network {
        let file = dockerfile::parse(&format!("FROM a\n{line}\n"), Path::new("D")).unwrap();
        match &file.stages[0].instructions[0].kind {
            InstructionKind::Run(run) => may_use(run),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_what_is_certainly_local_is_local() {
        use Network::{Maybe, No, Yes};
        for (line, expected) in [
            ("RUN mkdir -p /x && cp -r a b; chmod 755 b || true", No),
            ("RUN set -eux; groupadd -r app && useradd -r -g app app", No),
            ("RUN echo 'deb x' > /etc/apt/sources.list", No),
            ("RUN [\"mkdir\", \"/x\"]", No),
            ("RUN [\"/bin/sh\", \"-c\", \"echo x > /y\"]", No),
            ("RUN X=$(cat /y) && ln -s $X /z", No),
            ("RUN find / -name '*.pyc' -exec rm -f {} +", No),
            ("RUN find / -name x | xargs -0 rm -f", No),
            ("RUN if [ -f x ]; then rm x; else touch y; fi", No),
            ("RUN for f in a b; do cat $f >> c; done", No),
            ("RUN rm -rf /var/lib/apt/lists/* && apt-get clean", No),
            ("RUN python -m compileall -q app", No),
            ("RUN --network=none curl https://x", No),
            ("RUN <<EOF\n# only a note: curl\nmkdir /x\nEOF", No),
            ("RUN cat <<EOF > /script.sh\ncurl https://x\nEOF", No),
            ("RUN (cd /x && rm y)", No),
            ("RUN echo $((1 + 2))", No),
            ("RUN ls 2>&1 >/dev/null", No),
            ("RUN ./mkdir /x", Maybe),
            ("RUN /opt/setup.sh", Maybe),
            ("RUN sh setup.sh", Maybe),
            ("RUN echo x | sh", Maybe),
            ("RUN eval \"$X\"", Maybe),
            ("RUN . /env.sh", Maybe),
            ("RUN $TOOL x", Maybe),
            ("RUN make", Maybe),
            ("RUN npm run build", Maybe),
            ("RUN python3 <<EOF\nprint(1)\nEOF", Maybe),
            ("RUN find . -exec ./get {} ;", Maybe),
            ("RUN env A=b ./get", Maybe),
            ("RUN cat < /dev/tcp/host/80", Maybe),
            ("RUN <<EOF\n#!/usr/bin/env python3\nexport A=b\nEOF", Maybe),
            ("RUN f() { mkdir x; }; f", Maybe),
            ("RUN dpkg -i x.deb", Maybe),
            ("RUN cp a b && pip install x", Yes("pip")),
            ("RUN curl -O https://x", Yes("curl")),
        ] {
            assert_eq!(of(line), expected, "{line}");
        }
    }

    #[test]
    fn who_should_ask() {
        let of = |line: &str| {
            let file = dockerfile::parse(&format!("FROM a\n{line}\n"), Path::new("D")).unwrap();
            match &file.stages[0].instructions[0].kind {
                InstructionKind::Run(run) => should_ask(run),
                other => panic!("{other:?}"),
            }
        };
        for (line, expected) in [
            ("RUN env -i pip install x", Some("pip")),
            ("RUN setpriv --reset-env curl x", Some("curl")),
            ("RUN apt-get update", Some("apt-get")),
            ("RUN cargo build", None),
            ("RUN sudo -u app cargo build", Some("cargo")),
            ("RUN --network=host curl x", None),
            ("RUN ./setup.sh", None),
        ] {
            assert_eq!(of(line), expected, "{line}");
        }
    }

    #[test]
    fn the_first_step_of_each_stage() {
        let text = "FROM a\nRUN mkdir x\nCOPY . .\nRUN make\nRUN pip install y\nFROM b\nCOPY x y\nFROM c\nRUN apt-get update\n";
        let file = dockerfile::parse(text, Path::new("D")).unwrap();
        let found: Vec<_> = first_network_steps(&file)
            .iter()
            .map(|from| (from.stage, from.step))
            .collect();
        assert_eq!(found, [(0, 2), (2, 0)]);
    }
}
