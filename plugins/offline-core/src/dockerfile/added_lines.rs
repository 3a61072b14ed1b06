//! The lines of a Dockerfile that the parts of an ADD can be written into.

use super::{Dockerfile, InstructionKind};

/// So many lines for an instruction, from the first to the last: its own, then blank lines
/// and comments behind it, then those before it.
pub(super) fn places(
    text: &str,
    dockerfile: &Dockerfile,
    line: u32,
    count: usize,
) -> Option<Vec<u32>> {
    let lines: Vec<&str> = text.split('\n').collect();
    let first = (line as usize).saturating_sub(1);
    let mut end = last_line(&lines, first, dockerfile.escape) + 1;
    end += lines
        .iter()
        .skip(end)
        .take_while(|line| is_free(line))
        .count();
    if end >= lines.len() {
        end = end.max(first + count);
    }
    let lacking = (first + count).saturating_sub(end);
    let before = lines.iter().take(first).rev();
    let before = before.take_while(|line| is_free(line)).count();
    if lacking > before || lacking > 0 && follows_an_add(dockerfile, line) {
        return None;
    }
    let first = line - u32::try_from(lacking).ok()?;
    Some((first..).take(count).collect())
}

/// Whether the lines before an instruction may be those that an ADD of several parts takes.
fn follows_an_add(dockerfile: &Dockerfile, line: u32) -> bool {
    let stages = dockerfile.stages.iter();
    let all = stages.flat_map(|stage| &stage.instructions);
    let before = all.filter(|one| one.line < line).max_by_key(|one| one.line);
    before.is_some_and(|one| match &one.kind {
        InstructionKind::Add(add) => add.sources.len() > 1,
        _ => false,
    })
}

fn is_free(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with('#')
}

/// The index of the last line of the instruction that begins at this one.
pub(super) fn last_line<T: AsRef<str>>(lines: &[T], first: usize, escape: char) -> usize {
    let goes_on = |number: &usize| {
        let line = lines[*number].as_ref().trim();
        let passed_over = *number > first && is_free(line);
        passed_over || line.ends_with(escape)
    };
    let last = lines.len().saturating_sub(1);
    (first..last).find(|n| !goes_on(n)).unwrap_or(last)
}
