use std::str::FromStr;

/// The most bytes that a part of the archive may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Split(pub u64);

/// Why a text is no size for parts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// It is neither a size nor a medium.
    #[error(
        "a size is a number of bytes, or of K, M or G (1024 each), like 3900M; or a medium: fat32, dvd, cd"
    )]
    Unknown,
    /// So small that there would be parts without end.
    #[error("a part has at least 1M")]
    TooSmall,
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Media by name: what one file of theirs may have, in bytes.
const MEDIA: [(&str, u64); 3] = [
    // FAT32 holds the size of a file in 32 bits.
    ("fat32", 4 * GIB - 1),
    // 4,700,372,992 bytes on a DVD+R, less what UDF needs for itself.
    ("dvd", 4480 * MIB),
    // 360,000 sectors of 2048 bytes on a CD of 80 minutes, less what ISO 9660 needs.
    ("cd", 702 * MIB),
];

impl FromStr for Split {
    type Err = SplitError;

    fn from_str(text: &str) -> Result<Self, SplitError> {
        let lower = text.to_ascii_lowercase();
        if let Some((_, bytes)) = MEDIA.iter().find(|(name, _)| *name == lower) {
            return Ok(Self(*bytes));
        }
        let digits = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = match &lower[digits.len()..] {
            "" | "b" => 1,
            "k" | "kb" | "kib" => KIB,
            "m" | "mb" | "mib" => MIB,
            "g" | "gb" | "gib" => GIB,
            _ => return Err(SplitError::Unknown),
        };
        let number: u64 = digits.parse().map_err(|_| SplitError::Unknown)?;
        let bytes = number.checked_mul(unit).ok_or(SplitError::Unknown)?;
        if bytes < MIB {
            return Err(SplitError::TooSmall);
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_or_a_medium() {
        let read = |text: &str| text.parse::<Split>().map(|split| split.0);
        assert_eq!(read("3900M"), Ok(3900 << 20));
        assert_eq!(read("4g"), Ok(4 << 30));
        assert_eq!(read("2GiB"), Ok(2 << 30));
        assert_eq!(read("1048576"), Ok(1 << 20));
        assert_eq!(read("FAT32"), Ok(u64::from(u32::MAX)));
        for medium in ["dvd", "cd"] {
            assert!(read(medium).is_ok());
        }
        for text in [
            "",
            "M",
            "1.5G",
            "-1M",
            "1T1",
            "bluray",
            "99999999999999999999G",
        ] {
            assert_eq!(read(text), Err(SplitError::Unknown), "{text}");
        }
        assert_eq!(read("1023K"), Err(SplitError::TooSmall));
    }
}
