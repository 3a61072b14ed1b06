/// Which line of a rewritten Dockerfile was which line of the original.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LineMap {
    /// The lines that were added, as numbers of the rewritten text, ascending.
    added: Vec<u32>,
}

impl LineMap {
    /// A map for a text into which one line was put before each of these lines of
    /// the original (1-based, ascending).
    pub(super) fn with_lines_before(originals: &[u32]) -> Self {
        let added = (0..).zip(originals).map(|(earlier, line)| line + earlier);
        Self {
            added: added.collect(),
        }
    }

    /// The line of the original; `None` for a line that was added.
    pub fn original(&self, rewritten: u32) -> Option<u32> {
        let before = self.added.partition_point(|added| *added < rewritten);
        let is_added = self.added.get(before) == Some(&rewritten);
        (!is_added).then(|| rewritten - u32::try_from(before).unwrap_or(0))
    }

    /// The line that a line of the original has become.
    pub fn rewritten(&self, original: u32) -> u32 {
        let before = (0..)
            .zip(&self.added)
            .take_while(|(earlier, added)| **added - *earlier <= original)
            .count();
        original + u32::try_from(before).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways() {
        let map = LineMap::with_lines_before(&[2, 2, 5]);
        let originals: Vec<_> = (1..=9).map(|line| map.original(line)).collect();
        let expected = [
            Some(1),
            None,
            None,
            Some(2),
            Some(3),
            Some(4),
            None,
            Some(5),
            Some(6),
        ];
        assert_eq!(originals, expected);
        for line in 1..10 {
            assert_eq!(map.original(map.rewritten(line)), Some(line));
        }
        assert_eq!(LineMap::default().original(7), Some(7));
    }
}
