use super::Health;
use crate::build::Summary;

/// What came of `docker offline build --up`.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct Report {
    /// What was built.
    #[serde(flatten)]
    pub build: Summary,
    /// What became of the containers, by service; `None` where nothing was restarted, as
    /// not everything could be built.
    pub containers: Option<Vec<Outcome>>,
}

/// What became of the containers of a service.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Outcome {
    /// The service.
    pub service: String,
    /// What was done.
    pub what: What,
    /// How its containers are now.
    pub health: Health,
    /// How those of the new image were, which were put back.
    pub after_edit: Option<Health>,
    /// The last lines that a container wrote which did not become healthy, with what its
    /// health check printed, or what Compose said that could not start it.
    pub last_words: Vec<String>,
}

/// What was done with the containers of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Nothing: the image holds what it did.
    Unchanged,
    /// They were started; none ran before.
    Started,
    /// They were replaced by those of the new image.
    Replaced,
    /// They were replaced, did not become healthy, and run with the old image again.
    PutBack,
}
