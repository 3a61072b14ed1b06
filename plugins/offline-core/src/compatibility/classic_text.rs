//! Texts of instructions as written, for what their parsed form does not hold.

use std::collections::BTreeSet;

/// The lines of a Dockerfile.
pub(crate) struct Lines<'a> {
    lines: Vec<&'a str>,
    escape: char,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(text: &'a str, escape: char) -> Self {
        Self {
            lines: text.lines().collect(),
            escape,
        }
    }

    /// An instruction from its first line to where no line continues it, without
    /// comments.
    pub(crate) fn instruction(&self, first: u32) -> String {
        let start = index(first);
        let mut text = String::new();
        for line in &self.lines[start..(start + self.extent(first)).min(self.lines.len())] {
            let line = line.trim_end();
            if !text.is_empty() && (line.is_empty() || line.trim_start().starts_with('#')) {
                continue;
            }
            let Some(continued) = line.strip_suffix(self.escape) else {
                text.push_str(line);
                break;
            };
            text.push_str(continued);
            text.push(' ');
        }
        text
    }

    /// How many lines an instruction has.
    pub(crate) fn extent(&self, first: u32) -> usize {
        let mut count = 0;
        for line in self.lines.iter().skip(index(first)) {
            count += 1;
            let line = line.trim_end();
            let skipped = count > 1 && (line.is_empty() || line.trim_start().starts_with('#'));
            if !skipped && !line.ends_with(self.escape) {
                break;
            }
        }
        count
    }
}

fn index(line: u32) -> usize {
    usize::try_from(line).unwrap_or(1).saturating_sub(1)
}

/// The substitutions in a text that Engine 20.10 does not know
/// (`frontend/dockerfile/shell/lex.go`, `processDollar`).
pub(super) fn unknown_substitutions(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("${") {
        if text[..at].ends_with('\\') {
            continue;
        }
        let inside = &text[at + 2..];
        let end = inside
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(inside.len());
        let mut rest = inside[end..].chars();
        let known = match rest.next() {
            Some('}' | '?') | None => true,
            Some(':') => matches!(rest.next(), Some('-' | '+' | '?')),
            Some(_) => false,
        };
        if !known {
            let close = inside.find('}').map_or(inside.len(), |i| i + 1);
            found.push(format!("${{{}", &inside[..close]));
        }
    }
    found
}

/// Those of the variables that a text uses.
pub(super) fn used<'a>(text: &str, names: &BTreeSet<&'a str>) -> Vec<&'a str> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices('$') {
        let rest = &text[at + 1..];
        let rest = rest.strip_prefix('{').unwrap_or(rest);
        let end = rest
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        if let Some(name) = names.get(&rest[..end])
            && !found.contains(name)
        {
            found.push(*name);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn substitutions_that_20_10_knows() {
        let known = r"${A} ${A:-x} ${A:+${B}} ${A:?why} ${A?why} \${A#x} $A";
        assert!(unknown_substitutions(known).is_empty());
        let unknown = unknown_substitutions("${A#v} ${B%%-*} ${C/x/y} ${D-1} ${E:#x}");
        assert_eq!(
            unknown,
            ["${A#v}", "${B%%-*}", "${C/x/y}", "${D-1}", "${E:#x}"]
        );
    }

    #[test]
    fn an_instruction_ends_where_no_line_continues_it() {
        let lines = Lines::new("FROM a\nENV X=1 \\\n# why\n\n  Y=2\nRUN z\n", '\\');
        assert_eq!(lines.instruction(2), "ENV X=1    Y=2");
        assert_eq!(lines.instruction(6), "RUN z");
        assert_eq!(lines.extent(2), 4);
        assert_eq!(lines.extent(6), 1);
        let names = BTreeSet::from(["X", "XY"]);
        assert_eq!(used("echo ${X} $X $XY1", &names), ["X"]);
    }
}
