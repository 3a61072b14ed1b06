use super::super::finding::{Finding, Severity};
use super::check::{Check, Situation};

use crate::error::Kind;

/// There is a bundle, and it can be read.
pub(super) struct BundlePresent;

impl Check for BundlePresent {
    fn id(&self) -> &'static str {
        "bundle-present"
    }

    fn findings(&self, situation: &Situation<'_>) -> Vec<Finding> {
        let failure = match situation.bundle {
            Ok(bundle) => {
                let record = bundle.record();
                let message = format!(
                    "{} of project {}, exported {} by docker-offline {} with {}",
                    if bundle.is_archive() {
                        "archive"
                    } else {
                        "bundle"
                    },
                    record.project,
                    record.created,
                    record.tool_version,
                    super::build_cache::maker(record),
                );
                let subject = bundle.place().display().to_string();
                return vec![Finding::new(self.id(), Severity::Ok, subject, message)];
            }
            Err(failure) => failure,
        };
        // On the connected machine there is none before the first export.
        let expected = failure.kind() == Kind::BundleNotFound && !situation.bundle_named;
        let severity = if expected {
            Severity::Warning
        } else {
            Severity::Error
        };
        let mut finding = Finding::new(self.id(), severity, "bundle", failure.to_string());
        finding.cause = match failure.error().source() {
            Some(cause) => Some(cause.to_string()),
            None => expected.then(|| "docker offline build has nothing to load without one".into()),
        };
        finding.remedy.extend(failure.hint().map(str::to_owned));
        vec![finding]
    }
}
