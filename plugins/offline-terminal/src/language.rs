use offline_core::diagnosis::Language;

/// A language that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Lang {
    /// English
    En,
    /// 简体中文
    Zh,
}

impl Lang {
    /// The language asked for, or that of the user's locale.
    pub fn or_of_locale(asked: Option<Self>) -> Language {
        match asked {
            Some(Self::En) => Language::English,
            Some(Self::Zh) => Language::Chinese,
            None => Language::of_locale(|name| std::env::var(name).ok()),
        }
    }
}
