/// What the program says in a step's output.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Said {
    /// A file was cleaned.
    Cleaned(String),
    /// A file holds something that cannot be taken out.
    Left(String),
}

const CLEANED: &str = "docker-offline: took out what only a replay has: ";
const LEFT: &str = "docker-offline: still holds what only a replay has: ";

impl Said {
    /// As a line of the output.
    pub fn line(&self) -> String {
        match self {
            Self::Cleaned(file) => format!("{CLEANED}{file}"),
            Self::Left(file) => format!("{LEFT}{file}"),
        }
    }

    /// From a line of a builder's log, which has a time before it.
    pub fn read(line: &str) -> Option<Self> {
        let after = |words: &str| {
            line.split_once(words)
                .map(|(_, file)| file.trim().to_owned())
        };
        after(CLEANED)
            .map(Self::Cleaned)
            .or_else(|| after(LEFT).map(Self::Left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_read_again() {
        for said in [Said::Cleaned("/a b".into()), Said::Left("/c".into())] {
            assert_eq!(Said::read(&format!("0.345 {}", said.line())), Some(said));
        }
        assert_eq!(Said::read("0.3 docker-offline: x"), None);
    }
}
