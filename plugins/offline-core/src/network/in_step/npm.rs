//! What `npm config ls` prints: a section for each source of settings, and those that a
//! later source sets anew as comments.

use std::collections::BTreeSet;

const ENVIRONMENT: &str = "; \"env\" config from environment";
const OVERRIDDEN: &str = " ; overridden by env";

/// The text as it is without these settings of the environment.
pub(super) fn without_settings(text: &str, dropped: &BTreeSet<String>) -> String {
    if dropped.is_empty() || !text.contains(ENVIRONMENT) {
        return text.to_owned();
    }
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    for key in dropped {
        restore(&mut lines, key);
    }
    let Some(at) = lines.iter().position(|l| l.trim_end() == ENVIRONMENT) else {
        return lines.concat();
    };
    let blank = |line: &&String| line.trim().is_empty();
    let end = at + 1 + lines[at + 1..].iter().take_while(blank).count();
    if lines.get(end).is_none_or(|line| line.starts_with("; ")) {
        lines.drain(at..end);
    }
    lines.concat()
}

/// Of the sources before, the last one counts again.
fn restore(lines: &mut [String], key: &str) {
    let begins = format!("; {key} = ");
    let mut section = String::new();
    let mut found: Vec<(usize, String)> = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        if let Some(name) = section_of(line) {
            name.clone_into(&mut section);
        } else if line.starts_with(&begins) && line.trim_end().ends_with(OVERRIDDEN) {
            found.push((number, section.clone()));
        }
    }
    let Some((last, section)) = found.pop() else {
        return;
    };
    let setting = lines[last].trim_end().strip_suffix(OVERRIDDEN);
    let setting = setting
        .and_then(|s| s.strip_prefix("; "))
        .map(|s| format!("{s} \n"));
    if let Some(setting) = setting {
        lines[last] = setting;
    }
    for (number, _) in found {
        let by = format!(" ; overridden by {section}");
        lines[number] = lines[number].replace(OVERRIDDEN, &by);
    }
}

fn section_of(line: &str) -> Option<&str> {
    let (name, from) = line.strip_prefix("; \"")?.split_once('"')?;
    from.starts_with(" config from ").then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_overridden_counts_again() {
        let held = "; \"default\" config from default values\n\n; cafile = null ; overridden by env\ncert = null \n\n; \"global\" config from /etc/npmrc\n\n; cafile = \"/etc/x\" ; overridden by env\n\n; \"env\" config from environment\n\n\n; \"cli\" config from command line options\n\nlong = true\n";
        let without = "; \"default\" config from default values\n\n; cafile = null ; overridden by global\ncert = null \n\n; \"global\" config from /etc/npmrc\n\ncafile = \"/etc/x\" \n\n; \"cli\" config from command line options\n\nlong = true\n";
        let dropped = BTreeSet::from(["cafile".to_owned()]);
        assert_eq!(without_settings(held, &dropped), without);
        let own = held.replace("environment\n\n", "environment\n\nown = 1\n");
        assert!(without_settings(&own, &dropped).contains("environment\n\nown = 1\n"));
        assert_eq!(without_settings(held, &BTreeSet::new()), held);
    }
}
