//! Heredocs, found as BuildKit's `parser.Parse` finds them.
//!
//! `parse-dockerfile` knows a heredoc only at the very beginning of a RUN; in
//! `RUN cat <<EOF > file` it would take the body for instructions. So bodies
//! are turned into comments of the same length before it sees the text: every
//! position stays what it was.

use super::Error;
use super::heredoc_words::{Heredoc, heredocs_of, may_hold_heredoc};

/// A text without heredocs, and the bodies that were in it.
pub(super) struct Masked {
    /// As long as the original, byte for byte.
    pub(super) text: String,
    /// By the position where the instruction's first line begins.
    bodies: Vec<(usize, usize, Vec<String>)>,
    /// Every instruction, without the bodies of its heredocs.
    pub(super) instructions: Vec<Logical>,
}

/// An instruction as BuildKit puts it together from its lines.
pub(super) struct Logical {
    /// Where its first line begins.
    pub(super) start: usize,
    /// Where the line after its last one begins, heredocs aside.
    pub(super) end: usize,
    /// Its lines joined, without comments.
    pub(super) text: String,
}

impl Masked {
    /// The bodies of the instruction that this position belongs to.
    pub(super) fn bodies_at(&self, position: usize) -> &[String] {
        self.bodies
            .iter()
            .find(|(start, end, _)| (*start..*end).contains(&position))
            .map_or(&[], |(_, _, bodies)| bodies)
    }
}

/// Masks every heredoc of a text.
pub(super) fn mask(text: &str, escape: char) -> Result<Masked, Error> {
    let mut scanner = Scanner {
        lines: text.split_inclusive('\n').collect(),
        next: 0,
        position: 0,
        masked: text.as_bytes().to_vec(),
        escape,
    };
    let mut bodies = Vec::new();
    let mut instructions = Vec::new();
    while let Some(line) = scanner.lines.get(scanner.next) {
        if is_comment_or_blank(line) {
            scanner.take();
            continue;
        }
        let start = scanner.position;
        let first_line = scanner.next;
        let logical = scanner.logical_line();
        let end = scanner.position;
        let found = heredocs_of(&logical);
        if may_hold_heredoc(&logical) {
            scanner.hide_marks(start, end);
        }
        let mut taken = Vec::new();
        for heredoc in found {
            match scanner.body(&heredoc) {
                Some(body) => taken.push(body),
                // Newer frontends take `1 << 2` for a heredoc, older ones do
                // not; without an end it is none.
                None if heredoc.spaced => {}
                None => {
                    let line = u32::try_from(first_line + 1).unwrap_or(u32::MAX);
                    return Err(Error::at(
                        line,
                        format!("unterminated heredoc, no line is {:?}", heredoc.name),
                    ));
                }
            }
        }
        if !taken.is_empty() {
            bodies.push((start, end, taken));
        }
        instructions.push(Logical {
            start,
            end,
            text: logical,
        });
    }
    Ok(Masked {
        text: String::from_utf8_lossy(&scanner.masked).into_owned(),
        bodies,
        instructions,
    })
}

struct Scanner<'a> {
    lines: Vec<&'a str>,
    next: usize,
    position: usize,
    masked: Vec<u8>,
    escape: char,
}

impl<'a> Scanner<'a> {
    fn take(&mut self) -> Option<&'a str> {
        let line = *self.lines.get(self.next)?;
        self.next += 1;
        self.position += line.len();
        Some(line)
    }

    /// Joins continued lines and drops comments between them.
    fn logical_line(&mut self) -> String {
        let mut logical = String::new();
        let mut first = true;
        while let Some(line) = self.take() {
            if !first && is_comment_or_blank(line) {
                continue;
            }
            first = false;
            let content = line.trim_end_matches(['\r', '\n']);
            let Some(part) = self.continued(content) else {
                logical.push_str(content);
                // To BuildKit a doubled escape does not continue the line, to
                // parse-dockerfile it does.
                let trimmed = content.trim_end_matches([' ', '\t']);
                if trimmed.ends_with(self.escape) {
                    let at = self.position - line.len() + trimmed.len() - 1;
                    self.masked[at] = b'x';
                }
                break;
            };
            logical.push_str(part);
        }
        logical
    }

    /// `([^\\])\\[ \t]*$|^\\[ \t]*$`
    fn continued<'b>(&self, line: &'b str) -> Option<&'b str> {
        let part = line
            .trim_end_matches([' ', '\t'])
            .strip_suffix(self.escape)?;
        (!part.ends_with(self.escape)).then_some(part)
    }

    /// Keeps parse-dockerfile from looking for heredocs itself.
    fn hide_marks(&mut self, start: usize, end: usize) {
        for at in start..end.saturating_sub(1) {
            if self.masked[at..].starts_with(b"<<") {
                self.masked[at] = b'_';
                self.masked[at + 1] = b'_';
            }
        }
    }

    /// Takes the lines up to the end of a heredoc, if it has one.
    fn body(&mut self, heredoc: &Heredoc) -> Option<String> {
        let ends = |line: &str| {
            let line = line.trim_end_matches(['\r', '\n']);
            let line = if heredoc.strip_tabs {
                line.trim_start_matches('\t')
            } else {
                line
            };
            line == heredoc.name
        };
        let length = self.lines[self.next..].iter().position(|l| ends(l))?;
        let mut body = String::new();
        for index in 0..=length {
            let start = self.position;
            let Some(line) = self.take() else { break };
            if index < length {
                body.push_str(line);
            }
            let content = line.trim_end_matches(['\r', '\n']).len();
            for (offset, byte) in self.masked[start..start + content].iter_mut().enumerate() {
                *byte = if offset == 0 { b'#' } else { b'x' };
            }
        }
        Some(body)
    }
}

fn is_comment_or_blank(line: &str) -> bool {
    let content = line.trim_start();
    content.is_empty() || content.starts_with('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str) -> Masked {
        let masked = mask(text, '\\').unwrap();
        assert_eq!(masked.text.len(), text.len());
        assert_eq!(masked.text.lines().count(), text.lines().count());
        masked
    }

    #[test]
    fn bodies_become_comments() {
        let text =
            "FROM a\nRUN cat <<EOF > /x && echo <<-'E 2'\nFROM not\n\nEOF\n\tö\n\tE 2\nRUN b\n";
        let masked = masked(text);
        let at = text.find("RUN cat").unwrap();
        assert_eq!(masked.bodies_at(at + 3), ["FROM not\n\n", "\tö\n"]);
        assert!(!masked.text.contains("FROM not"));
        assert!(masked.text.ends_with("RUN b\n"));
    }

    #[test]
    fn what_is_no_heredoc_stays() {
        for text in [
            "FROM a\nRUN echo $((1<<2))\nRUN b",
            "FROM a\nRUN cat <<< word\nRUN b",
            "FROM a\nRUN [\"sh\", \"-c\", \"cat <<EOF\"]\nRUN b",
            "FROM a\nCMD cat <<EOF\nRUN b",
            "FROM a\nRUN echo '<<EOF'\nRUN b",
            "FROM a\nRUN echo $(( 1 << 2 ))\nRUN b",
        ] {
            assert!(masked(text).bodies.is_empty(), "{text}");
        }
    }

    #[test]
    fn a_heredoc_after_a_continued_line_with_comments() {
        let text = "FROM a\nRUN --mount=type=cache,target=/x \\\n  # why\n\n  bash <<EOF\nx\nEOF\n";
        let at = text.find("RUN").unwrap();
        assert_eq!(masked(text).bodies_at(at), ["x\n"]);
    }

    #[test]
    fn one_without_an_end_is_an_error() {
        assert_eq!(mask("FROM a\nRUN <<EOF\nx\n", '\\').err().unwrap().line, 2);
    }

    #[test]
    fn a_doubled_escape_ends_the_line() {
        let masked = masked("FROM a\nRUN echo \\\\\nRUN b\n");
        assert!(masked.text.contains("echo \\x\n"));
    }
}
