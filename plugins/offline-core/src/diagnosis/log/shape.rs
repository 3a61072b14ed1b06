//! What one line of a build's log is.
//!
//! The plain form is BuildKit's `util/progress/progressui` (`#12 [api 3/5] RUN`,
//! `#12 0.3 output`, `#12 DONE 0.4s`), the coloured one its terminal mode
//! (` => ERROR [api 3/5] RUN`), the classic builder's is `Step 3/5 : RUN`
//! (moby, `builder/dockerfile`), and `api-1  | output` is Compose's.

use super::step::{Outcome, service_of};

/// A line, understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shape<'a> {
    /// `#12 [api builder 3/5] RUN make`
    Heading(u64, Heading<'a>),
    /// `#12 DONE 0.4s`, or with the builder's words `#12 ERROR: ...`.
    Ended(u64, Outcome, &'a str),
    /// `#12 0.312 output`
    Output(u64, &'a str),
    /// ` => ERROR [api builder 3/5] RUN make   0.4s`
    Row(Heading<'a>, Option<Outcome>),
    /// ` > [api builder 3/5] RUN make:`, above the last words of a failed step.
    Recall(Heading<'a>),
    /// `Dockerfile:5`, above an excerpt.
    Source(&'a str, u32),
    /// `   5 | >>> RUN make`, with the instruction if it is the one.
    Excerpt(Option<&'a str>),
    /// `------`
    Rule,
    /// `Step 3/5 : RUN make`
    Step(&'a str, &'a str),
    /// `Successfully built 0123`
    Built,
    /// The classic builder: `The command '...' returned a non-zero code: 1`.
    Returned(&'a str),
    /// `api-1  | output`
    Container(&'a str, &'a str),
    /// Anything else.
    Other(&'a str),
}

/// `[api builder 3/5] RUN make`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Heading<'a> {
    /// Between the brackets.
    pub(super) place: &'a str,
    /// Behind them.
    pub(super) what: &'a str,
}

impl<'a> Heading<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let (place, what) = text.strip_prefix('[')?.split_once("] ")?;
        Some(Self { place, what })
    }
}

/// Understands a line.
pub(super) fn shape(line: &str) -> Shape<'_> {
    let line = without_time(line);
    if let Some(shape) = line.strip_prefix('#').and_then(plain) {
        return shape;
    }
    let trimmed = line.trim();
    if trimmed.len() >= 6 && trimmed.bytes().all(|b| b == b'-') {
        return Shape::Rule;
    }
    if let Some(shape) = line.trim_start().strip_prefix("=> ").and_then(row) {
        return shape;
    }
    if let Some(heading) = trimmed.strip_prefix("> ").and_then(Heading::of) {
        let what = heading.what.strip_suffix(':').unwrap_or(heading.what);
        return Shape::Recall(Heading { what, ..heading });
    }
    if let Some((number, rest)) = trimmed
        .strip_prefix("Step ")
        .and_then(|r| r.split_once(" : "))
        && number
            .split_once('/')
            .is_some_and(|(a, b)| digits(a) && digits(b))
    {
        return Shape::Step(number, rest);
    }
    if let Some((number, rest)) = trimmed.split_once(" |")
        && digits(number)
    {
        return Shape::Excerpt(rest.trim().strip_prefix(">>> "));
    }
    if let Some((file, number)) = trimmed.rsplit_once(':')
        && let (true, Ok(number)) = (is_file(file), number.parse())
    {
        return Shape::Source(file, number);
    }
    if trimmed.starts_with("Successfully built ") {
        return Shape::Built;
    }
    if let Some(at) = trimmed.find("returned a non-zero code: ") {
        return Shape::Returned(&trimmed[at..]);
    }
    if let Some((name, text)) = container(line) {
        return Shape::Container(name, text);
    }
    Shape::Other(line)
}

/// `api-1  | output`, with as many blanks as the longest name wants; also `api_1`
/// of docker-compose 1, and a `container_name`, which has no number.
fn container(line: &str) -> Option<(&str, &str)> {
    let (before, text) = line.split_once(" |")?;
    let text = text
        .strip_prefix(' ')
        .or_else(|| text.is_empty().then_some(""))?;
    let name = before.trim();
    let named = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
    let service = service_of(name);
    // Compose leaves two blanks after the longest name.
    let padded = before.ends_with(' ');
    (named && (service != name || padded)).then_some((service, text))
}

fn plain(rest: &str) -> Option<Shape<'_>> {
    let (number, text) = rest.split_once(' ')?;
    let number = number.parse().ok()?;
    if let Some(heading) = Heading::of(text) {
        return Some(Shape::Heading(number, heading));
    }
    let word = text.split([' ', ':']).next().unwrap_or_default();
    let ended = |outcome| Some(Shape::Ended(number, outcome, text));
    match word {
        "DONE" => return ended(Outcome::Done),
        "CACHED" if text == "CACHED" => return ended(Outcome::Done),
        "CANCELED" if text == "CANCELED" => return ended(Outcome::Cancelled),
        "ERROR" if text.starts_with("ERROR: ") => return ended(ending(text)),
        _ => {}
    }
    Some(Shape::Output(number, without_clock(text)))
}

fn row(rest: &str) -> Option<Shape<'_>> {
    if let Some(output) = rest.strip_prefix("=> # ") {
        return Some(Shape::Other(output));
    }
    let rest = rest.trim_end();
    // The time at the end stands behind at least one space.
    let rest = match rest.rsplit_once(' ') {
        Some((name, time))
            if time.ends_with('s') && time.starts_with(|c: char| c.is_ascii_digit()) =>
        {
            name.trim_end()
        }
        _ => rest,
    };
    for (word, outcome) in [
        ("ERROR ", Outcome::Failed),
        ("CANCELED ", Outcome::Cancelled),
        ("CACHED ", Outcome::Done),
    ] {
        if let Some(heading) = rest.strip_prefix(word).and_then(Heading::of) {
            return Some(Shape::Row(heading, Some(outcome)));
        }
    }
    Heading::of(rest).map(|heading| Shape::Row(heading, None))
}

/// A step that was stopped because another one failed says so as an error.
fn ending(error: &str) -> Outcome {
    if error.contains("context canceled") {
        Outcome::Cancelled
    } else {
        Outcome::Failed
    }
}

/// Without the seconds that plain progress puts before output: `0.312 text`.
pub(super) fn without_clock(text: &str) -> &str {
    match text.split_once(' ') {
        Some((clock, rest))
            if clock.contains('.') && clock.bytes().all(|b| b.is_ascii_digit() || b == b'.') =>
        {
            rest
        }
        _ => text,
    }
}

/// Without the time that CI systems put before a line: `2026-01-02T03:04:05.6Z text`.
fn without_time(line: &str) -> &str {
    let is_time = |word: &str| {
        let bytes = word.as_bytes();
        bytes.len() >= 19
            && bytes[4] == b'-'
            && bytes[10] == b'T'
            && bytes[13] == b':'
            && bytes[0].is_ascii_digit()
    };
    match line.split_once(' ') {
        Some((first, rest)) if is_time(first.trim_matches(['[', ']'])) => rest,
        _ => line,
    }
}

fn digits(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// `Dockerfile:5` stands alone; a word with a port has a dot or a slash too, but
/// no excerpt below it.
fn is_file(file: &str) -> bool {
    !file.is_empty() && !file.contains([' ', '"', '\'', '='])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heading<'a>(place: &'a str, what: &'a str) -> Heading<'a> {
        Heading { place, what }
    }

    #[test]
    fn builders_are_understood() {
        let run = heading("api builder 3/5", "RUN make all");
        for (line, expected) in [
            (
                "#12 [api builder 3/5] RUN make all",
                Shape::Heading(12, run.clone()),
            ),
            (
                "2026-01-02T03:04:05.678Z #12 [api builder 3/5] RUN make all",
                Shape::Heading(12, run.clone()),
            ),
            (
                "#3 [internal] load metadata for x:1",
                Shape::Heading(3, heading("internal", "load metadata for x:1")),
            ),
            (
                "#12 0.312 [1/4] Resolving packages...",
                Shape::Output(12, "[1/4] Resolving packages..."),
            ),
            ("#12 0.312 E: gone", Shape::Output(12, "E: gone")),
            (
                "#12 DONE 0.4s",
                Shape::Ended(12, Outcome::Done, "DONE 0.4s"),
            ),
            (
                "#12 CANCELED",
                Shape::Ended(12, Outcome::Cancelled, "CANCELED"),
            ),
            (
                "#12 ERROR: boom",
                Shape::Ended(12, Outcome::Failed, "ERROR: boom"),
            ),
            (
                " => ERROR [api builder 3/5] RUN make all     12.3s",
                Shape::Row(run.clone(), Some(Outcome::Failed)),
            ),
            (
                " => [api builder 3/5] RUN make all 0.1s",
                Shape::Row(run.clone(), None),
            ),
            (" > [api builder 3/5] RUN make all:", Shape::Recall(run)),
            ("   4 |     FROM x", Shape::Excerpt(None)),
            ("Dockerfile:5", Shape::Source("Dockerfile", 5)),
            ("   5 | >>> RUN make", Shape::Excerpt(Some("RUN make"))),
            ("--------------------", Shape::Rule),
            ("Step 3/5 : RUN make", Shape::Step("3/5", "RUN make")),
            ("Successfully built 0123abcd", Shape::Built),
            ("api-1  | Error: no", Shape::Container("api", "Error: no")),
            ("#include <x.h>", Shape::Other("#include <x.h>")),
            (
                "curl: (6) Could not resolve host: x",
                Shape::Other("curl: (6) Could not resolve host: x"),
            ),
        ] {
            assert_eq!(shape(line), expected, "{line}");
        }
    }
}
