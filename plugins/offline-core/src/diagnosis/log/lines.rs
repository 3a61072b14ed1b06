use std::io::{self, BufRead};

/// What is kept of one line, in bytes; the rest of a longer one is skipped.
const LONGEST: usize = 8 * 1024;

/// Reads a log line by line in bounded memory: escape sequences of terminals are
/// taken out, and what a carriage return would overwrite is a line of its own.
pub(super) struct Lines<R> {
    source: R,
    /// How many line feeds were seen.
    number: u64,
    buffer: Vec<u8>,
    clean: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(source: R) -> Self {
        Self {
            source,
            number: 0,
            buffer: Vec::new(),
            clean: Vec::new(),
        }
    }

    /// Gives every line that is not empty to `take`, with its 1-based number.
    /// Returns how many lines there are.
    pub(super) fn each(mut self, mut take: impl FnMut(u64, &[u8])) -> io::Result<u64> {
        let mut ended = true;
        loop {
            let available = match self.source.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if available.is_empty() {
                break;
            }
            let end = available.iter().position(|b| matches!(b, b'\n' | b'\r'));
            let part = &available[..end.unwrap_or(available.len())];
            let room = LONGEST.saturating_sub(self.buffer.len());
            self.buffer.extend_from_slice(&part[..part.len().min(room)]);
            let line_feed = end.is_some_and(|at| available[at] == b'\n');
            let used = part.len() + usize::from(end.is_some());
            self.source.consume(used);
            ended = line_feed;
            if end.is_some() {
                self.give(&mut take);
            }
            self.number += u64::from(line_feed);
        }
        self.give(&mut take);
        Ok(self.number + u64::from(!ended))
    }

    fn give(&mut self, take: &mut impl FnMut(u64, &[u8])) {
        strip(&self.buffer, &mut self.clean);
        self.buffer.clear();
        if self.clean.iter().any(|b| !b.is_ascii_whitespace()) {
            take(self.number + 1, &self.clean);
        }
    }
}

/// Copies a line without escape sequences (ECMA-48: CSI, OSC and two-byte ones),
/// other control characters, and NULs (a log in UTF-16 stays legible).
fn strip(line: &[u8], clean: &mut Vec<u8>) {
    clean.clear();
    let mut bytes = line.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            0x1b => match bytes.next() {
                Some(b'[') => while bytes.next().is_some_and(|b| !(0x40..=0x7e).contains(&b)) {},
                Some(b']') => {
                    while let Some(b) = bytes.next() {
                        if b == 0x07 || b == 0x1b && bytes.next_if_eq(&b'\\').is_some() {
                            break;
                        }
                    }
                }
                _ => {}
            },
            b'\t' => clean.push(byte),
            0..0x20 | 0x7f => {}
            _ => clean.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> (Vec<(u64, String)>, u64) {
        let mut found = Vec::new();
        // A small buffer, so that lines and sequences are cut in the middle.
        let source = io::BufReader::with_capacity(3, text);
        let total = Lines::new(source)
            .each(|number, line| found.push((number, String::from_utf8_lossy(line).into_owned())))
            .unwrap();
        (found, total)
    }

    #[test]
    fn colours_and_carriage_returns_do_not_hide_words() {
        let (found, total) = lines(
            b"\x1b[31mE:\x1b[0m gone\r\n 10%\r 20%\r\x1b[2Kcurl: (6)\n\n\x1b]8;;http://x\x07link\x1b]8;;\x1b\\ end",
        );
        let expected = [
            (1, "E: gone"),
            (2, " 10%"),
            (2, " 20%"),
            (2, "curl: (6)"),
            (4, "link end"),
        ];
        let expected: Vec<_> = expected.map(|(n, l)| (n, l.to_owned())).into();
        assert_eq!(found, expected);
        assert_eq!(total, 4);
    }

    #[test]
    fn what_is_no_text_is_read_all_the_same() {
        let (found, total) = lines(b"a\xff\xfeb\nE\0r\0r\0\n\0\n");
        assert_eq!(found, [(1, "a\u{fffd}\u{fffd}b".into()), (2, "Err".into())]);
        assert_eq!(total, 3);
        assert_eq!(lines(b"").1, 0);
    }

    #[test]
    fn a_line_without_end_does_not_fill_the_memory() {
        let mut text = vec![b'x'; 10 * LONGEST];
        text.extend_from_slice(b"\nafter\n");
        let (found, _) = lines(&text);
        assert_eq!(found[0].1.len(), LONGEST);
        assert_eq!(found[1], (2, "after".into()));
    }
}
