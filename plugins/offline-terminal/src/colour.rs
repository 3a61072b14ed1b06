use console::Style;

/// How words are marked: with colour on a terminal, bare elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colours {
    enabled: bool,
}

impl Colours {
    /// Colours as `enabled` says.
    pub fn new(enabled: bool) -> Self {
        Self { enabled }
    }

    /// Colours for a stream: only where it is a terminal that can show them
    /// and the user has not set `NO_COLOR` (<https://no-color.org>).
    pub fn for_stream(is_terminal: bool) -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|v| v == "dumb");
        Self::new(is_terminal && !refused && !dumb)
    }

    /// Whether colours are on.
    pub fn enabled(self) -> bool {
        self.enabled
    }

    /// The mark of an error.
    pub fn error(self, text: &str) -> String {
        self.paint(Style::new().red().bold(), text)
    }

    /// The mark of a warning.
    pub fn warning(self, text: &str) -> String {
        self.paint(Style::new().yellow().bold(), text)
    }

    /// The mark of advice.
    pub fn hint(self, text: &str) -> String {
        self.paint(Style::new().cyan(), text)
    }

    /// The mark of something that is well.
    pub fn good(self, text: &str) -> String {
        self.paint(Style::new().green(), text)
    }

    /// Something in the background.
    pub fn dim(self, text: &str) -> String {
        self.paint(Style::new().dim(), text)
    }

    /// A heading.
    pub fn bold(self, text: &str) -> String {
        self.paint(Style::new().bold(), text)
    }

    fn paint(self, style: Style, text: &str) -> String {
        style.force_styling(self.enabled).apply_to(text).to_string()
    }
}
