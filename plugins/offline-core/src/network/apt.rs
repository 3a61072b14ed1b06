//! What apt is told by the file that `APT_CONFIG` names.

/// What a replay needs to work under any clock.
///
/// A Release file is signed for a week or so (`Valid-Until`), may be of a time that
/// has not come yet (`Date`), and its signature is no longer good when the key has
/// expired: gpgv then says so, and sqv does where the clock is behind (fact 50).
/// What is replayed was verified by apt while it was recorded, and its bytes are
/// those of then: so a signature that cannot be verified any more does not end the
/// step. One that can is verified as ever.
const ANY_CLOCK: &[&str] = &[
    "Acquire::Check-Valid-Until \"false\"",
    "Acquire::Check-Date \"false\"",
    "Acquire::AllowInsecureRepositories \"true\"",
    // Where lists of an earlier step are there, that were verified.
    "Acquire::AllowDowngradeToInsecureRepositories \"true\"",
    "APT::Get::AllowUnauthenticated \"true\"",
];

/// Programs whose settings under `Binary::NAME` are moved over all that files say:
/// `APT_CONFIG` is read before the files of `/etc/apt`, which would win otherwise
/// (`DispatchCommandLine` of apt's `apt-private/private-cmndline.cc`).
const PROGRAMS: &[&str] = &["apt", "apt-get"];

/// The file's content. Only a replay is told to overlook dates: a mirror that has
/// really expired fails a recording as it fails any build.
pub(super) fn settings(authority: &str, replays: bool) -> String {
    let mut text = format!("Acquire::https::CaInfo \"{authority}\";\n");
    if replays {
        for setting in ANY_CLOCK {
            text.push_str(&format!("{setting};\n"));
            for program in PROGRAMS {
                text.push_str(&format!("Binary::{program}::{setting};\n"));
            }
        }
        // aptitude has no such place of its own, and a switch of its own for this.
        text.push_str("Aptitude::CmdLine::Ignore-Trust-Violations \"true\";\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_replay_overlooks_dates() {
        assert_eq!(
            settings("/ca.pem", false),
            "Acquire::https::CaInfo \"/ca.pem\";\n"
        );
        let replayed = settings("/ca.pem", true);
        for line in [
            "Acquire::https::CaInfo \"/ca.pem\";",
            "Acquire::Check-Valid-Until \"false\";",
            "Binary::apt-get::Acquire::Check-Valid-Until \"false\";",
            "Binary::apt::Acquire::Check-Date \"false\";",
            "Binary::apt-get::APT::Get::AllowUnauthenticated \"true\";",
        ] {
            assert!(replayed.lines().any(|l| l == line), "{line}: {replayed}");
        }
    }
}
