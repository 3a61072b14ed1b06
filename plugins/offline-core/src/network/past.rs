//! What brings the proxy to commands that drop the variables of their step.
//!
//! `sudo` keeps the variables that a fragment of `sudoers` names; a login shell (`su -`,
//! `runuser -l`) reads `/etc/profile.d`; apt reads a folder of settings whatever the
//! variables are; aria2 has no variable for authorities. Each is a file of its own where
//! nobody else's is, so that none of the image's is covered, and goes with the step as
//! all mounts do (fact 40). It cannot be changed, though, and a step that edits all of
//! such a folder would fail: so only those are given it whose text has such a command,
//! or runs a script, which may.
//!
//! What clears all (`env -i`, `setpriv --reset-env`) and then asks by another tool than
//! apt cannot be reached.

use super::secrets::{Content, Loopback, Proxy, proxy_arguments, url};
use super::trust::{AUTHORITY, TrustFile, VARIABLES};
use crate::closure::{drops_variables, executed, runs_script};
use crate::dockerfile::Run;

/// For commands behind `sudo`, `su` and their kin, and for scripts of which nothing is
/// known.
pub(super) const PAST: &[TrustFile] = &[
    TrustFile {
        id: "docker-offline-sudoers",
        // Names with a dot are not read (sudoers(5)), nor is what others may write.
        target: "/etc/sudoers.d/zz-docker-offline",
        mode: "0440",
        content: Content::Sudoers,
    },
    TrustFile {
        id: "docker-offline-profile",
        target: "/etc/profile.d/zz-docker-offline.sh",
        mode: "0444",
        content: Content::Profile,
    },
];

/// For apt behind what leaves it no variable at all.
const APT: TrustFile = TrustFile {
    id: "docker-offline-apt-fragment",
    target: "/etc/apt/apt.conf.d/zz-docker-offline",
    mode: "0444",
    content: Content::AptFragment,
};

/// aria2 reads its settings from the user's home alone; builds are root's mostly.
const ARIA2: TrustFile = TrustFile {
    id: "docker-offline-aria2",
    target: "/root/.aria2/aria2.conf",
    mode: "0444",
    content: Content::Aria2,
};

/// All files that a step may be given.
pub(super) fn all() -> impl Iterator<Item = &'static TrustFile> {
    PAST.iter().chain([&APT, &ARIA2])
}

/// Those that this step is given.
pub(super) fn files(run: &Run) -> impl Iterator<Item = &'static TrustFile> {
    let text = executed(run);
    let drops = drops_variables(&text);
    let past = (drops || runs_script(&text)).then_some(PAST);
    let apt = (drops && text.contains("apt")).then_some(&APT);
    let aria2 = text.contains("aria2c").then_some(&ARIA2);
    past.into_iter().flatten().chain(apt).chain(aria2)
}

/// sudoers(5): a variable that is kept reaches the command as it is.
pub(super) fn sudoers(proxy: &Proxy) -> String {
    let names: Vec<&str> = variables(proxy).map(|(name, _)| name).collect();
    format!("Defaults env_keep += \"{}\"\n", names.join(" "))
}

/// What `/etc/profile` runs.
pub(super) fn profile(proxy: &Proxy) -> String {
    let lines = variables(proxy).map(|(name, value)| format!("export {name}='{value}'\n"));
    lines.collect()
}

/// Beside the settings that `APT_CONFIG` names, where the proxy is: the variables may be
/// gone.
pub(super) fn apt_fragment(proxy: &Proxy) -> String {
    let address = url(proxy.address);
    let mut text = super::apt::settings(AUTHORITY, proxy.replays);
    for scheme in ["http", "https"] {
        text.push_str(&format!("Acquire::{scheme}::Proxy \"{address}\";\n"));
        if proxy.loopback == Loopback::Step {
            for host in ["localhost", "127.0.0.1"] {
                text.push_str(&format!("Acquire::{scheme}::Proxy::{host} \"DIRECT\";\n"));
            }
        }
    }
    text
}

/// aria2c(1), `--ca-certificate`; its proxies come by the variables.
pub(super) fn aria2() -> String {
    format!("ca-certificate={AUTHORITY}\n")
}

fn variables(proxy: &Proxy) -> impl Iterator<Item = (&'static str, String)> {
    let value = |content: Content| String::from_utf8_lossy(&content.bytes(proxy)).into_owned();
    let others = VARIABLES.iter().map(move |v| (v.name, value(v.content)));
    proxy_arguments(proxy.address, proxy.loopback)
        .into_iter()
        .chain(others)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::dockerfile::{self, InstructionKind};

    fn targets(command: &str) -> Vec<&'static str> {
        let text = format!("FROM a\nRUN {command}\n");
        let file = dockerfile::parse(&text, Path::new("D")).unwrap();
        match &file.stages[0].instructions[0].kind {
            InstructionKind::Run(run) => files(run).map(|f| f.id).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_what_may_drop_the_variables_is_given_more() {
        let past: Vec<&str> = PAST.iter().map(|f| f.id).collect();
        for command in [
            "sudo pip install x",
            "runuser -l app -c 'npm ci'",
            "./setup.sh",
        ] {
            assert_eq!(targets(command), past, "{command}");
        }
        let with_apt: Vec<&str> = past.iter().copied().chain([APT.id]).collect();
        for command in [
            "sudo apt-get update",
            "apt-get update && su - app -c \"pip install x\"",
            "env -i PATH=$PATH apt-get update",
        ] {
            assert_eq!(targets(command), with_apt, "{command}");
        }
        for command in [
            "apt-get update",
            "pip install -r r.txt",
            "env A=b pip install x",
            "grep -rlE 'A-(B|C)' /etc/apt | xargs -r sed -i -E '/A-(B|C)/d'",
        ] {
            assert!(targets(command).is_empty(), "{command}");
        }
        assert_eq!(targets("aria2c https://x/y"), [ARIA2.id]);
    }

    #[test]
    fn each_reader_finds_its_own_words() {
        let proxy = Proxy {
            address: "172.17.0.1:3128".parse().unwrap(),
            authority_pem: "PEM".into(),
            replays: false,
            loopback: Loopback::Step,
        };
        let kept = sudoers(&proxy);
        assert!(kept.starts_with("Defaults env_keep += \"HTTP_PROXY http_proxy "));
        assert!(kept.contains(" no_proxy SSL_CERT_FILE ") && kept.ends_with("\"\n"));
        let lines = profile(&proxy);
        assert!(lines.contains("export https_proxy='http://172.17.0.1:3128'\n"));
        assert!(lines.contains("export PIP_CERT='/.docker-offline-ca.pem'\n"));
        assert!(lines.lines().all(|line| line.matches('\'').count() == 2));
        let apt = apt_fragment(&proxy);
        assert!(apt.contains("Acquire::http::Proxy \"http://172.17.0.1:3128\";\n"));
        assert!(apt.contains("Acquire::https::Proxy::localhost \"DIRECT\";\n"));
        let host = Proxy {
            loopback: Loopback::Host,
            ..proxy
        };
        assert!(!apt_fragment(&host).contains("DIRECT"));
    }
}
