use super::{Rewritten, Secret};

/// How the ids of our secrets begin.
const OURS: &str = "docker-offline-";

/// The same Dockerfile with `mark` in the ids of our secrets, which are in the keys:
/// its steps run although an engine has them in its cache, from an earlier recording
/// say. Lines stay what they are.
pub fn afresh(rewritten: Rewritten, mark: &str) -> Rewritten {
    let flag = |id: &str| format!("--mount=type=secret,id={id}");
    let marked = |id: &str| format!("{OURS}{mark}-{}", id.strip_prefix(OURS).unwrap_or(id));
    let text = rewritten.text.replace(&flag(OURS), &flag(&marked(OURS)));
    let secrets = rewritten.secrets.into_iter().map(|secret| Secret {
        id: marked(&secret.id),
        ..secret
    });
    Rewritten {
        text,
        lines: rewritten.lines,
        secrets: secrets.collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::dockerfile;
    use crate::network::{Caches, Variables, first_network_steps, rewrite};

    #[test]
    fn our_secrets_get_other_ids_and_nothing_else_changes() {
        let text = "FROM a\nRUN --mount=type=secret,id=tok curl x\nRUN mkdir y\n";
        let file = dockerfile::parse(text, Path::new("Dockerfile")).unwrap();
        let from = first_network_steps(&file);
        for variables in [Variables::Arguments, Variables::Secrets] {
            let once = rewrite(text, &file, &from, variables, Caches::Shared);
            let fresh = afresh(once.clone(), "m1");
            assert_eq!(fresh.text.replace("docker-offline-m1-", OURS), once.text);
            assert_eq!(fresh.text.matches("id=tok ").count(), 1);
            let given = fresh.secrets.iter();
            let asked = given.filter(|s| fresh.text.contains(&format!("id={},", s.id)));
            let before = once.secrets.iter();
            let before = before.filter(|s| once.text.contains(&format!("id={},", s.id)));
            assert_eq!(asked.count(), before.count());
            assert!(
                fresh
                    .secrets
                    .iter()
                    .all(|s| s.id.starts_with("docker-offline-m1-"))
            );
        }
    }
}
