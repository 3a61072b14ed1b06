use std::borrow::Cow;

/// A language that diagnosis speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Simplified Chinese.
    Chinese,
}

impl Language {
    /// The language that the user's locale means. The first of `LC_ALL`,
    /// `LC_MESSAGES` and `LANG` that is set and not empty decides, as POSIX has
    /// it; whatever is not Chinese is English.
    pub fn of_locale(variable: impl Fn(&str) -> Option<String>) -> Self {
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"]
            .into_iter()
            .filter_map(variable)
            .find(|value| !value.is_empty())
            .unwrap_or_default();
        match locale.split(['_', '.', '-', '@']).next() {
            Some("zh") => Self::Chinese,
            _ => Self::English,
        }
    }

    /// Its code: `en` or `zh`.
    pub fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh",
        }
    }
}

/// A text in every language. Both stand side by side in the source, so that
/// neither can be forgotten; see [`text!`](crate::diagnosis::text).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Text {
    /// In English.
    pub en: Cow<'static, str>,
    /// In Simplified Chinese.
    pub zh: Cow<'static, str>,
}

impl Text {
    /// A text known when the program is written.
    pub const fn fixed(en: &'static str, zh: &'static str) -> Self {
        Self {
            en: Cow::Borrowed(en),
            zh: Cow::Borrowed(zh),
        }
    }

    /// A text made while the program runs.
    pub fn made(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self {
            en: Cow::Owned(en.into()),
            zh: Cow::Owned(zh.into()),
        }
    }

    /// Words that are the same in every language: a name, or what another
    /// program said.
    pub fn quoted(words: impl Into<String>) -> Self {
        let words: String = words.into();
        Self::made(words.clone(), words)
    }

    /// The text in one language.
    pub fn get(&self, language: Language) -> &str {
        match language {
            Language::English => &self.en,
            Language::Chinese => &self.zh,
        }
    }
}

/// A [`Text`](crate::diagnosis::Text) from two format strings with the same
/// arguments: `text!("{free}% is free", "剩余 {free}%")`.
#[macro_export]
#[doc(hidden)]
macro_rules! __diagnosis_text {
    ($en:literal, $zh:literal $(, $name:ident = $value:expr)* $(,)?) => {
        match ($(&$value,)*) {
            ($($name,)*) => $crate::diagnosis::Text::made(
                ::std::format!($en $(, $name = $name)*),
                ::std::format!($zh $(, $name = $name)*),
            ),
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::text;

    #[test]
    fn the_first_locale_that_is_set_decides() {
        for (locale, expected) in [
            (vec![("LANG", "zh_CN.UTF-8")], Language::Chinese),
            (vec![("LANG", "zh-Hans")], Language::Chinese),
            (vec![("LANG", "en_GB.UTF-8")], Language::English),
            (vec![("LANG", "C.UTF-8")], Language::English),
            (vec![], Language::English),
            (vec![("LC_ALL", "C"), ("LANG", "zh_CN")], Language::English),
            (vec![("LC_ALL", ""), ("LANG", "zh_CN")], Language::Chinese),
            (
                vec![("LC_MESSAGES", "zh"), ("LANG", "en")],
                Language::Chinese,
            ),
        ] {
            let of = |name: &str| {
                let found = locale.iter().find(|(n, _)| *n == name)?;
                Some(found.1.to_owned())
            };
            assert_eq!(Language::of_locale(of), expected, "{locale:?}");
        }
    }

    #[test]
    fn one_set_of_arguments_makes_both_texts() {
        let free = 17;
        let text = text!(
            "{free}% of {what} is free",
            "{what} 剩余 {free}%",
            what = "/"
        );
        assert_eq!(text.get(Language::English), "17% of / is free");
        assert_eq!(text.get(Language::Chinese), "/ 剩余 17%");
    }
}
