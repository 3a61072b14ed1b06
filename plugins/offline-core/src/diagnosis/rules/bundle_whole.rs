use super::super::bundle_view::Wholeness;
use super::super::finding::{Finding, Severity};
use super::check::{Check, Situation};

/// Every byte of the bundle is what was written.
pub(super) struct BundleWhole;

impl Check for BundleWhole {
    fn id(&self) -> &'static str {
        "bundle-whole"
    }

    fn findings(&self, situation: &Situation<'_>) -> Vec<Finding> {
        let Ok(bundle) = situation.bundle else {
            return Vec::new();
        };
        let subject = bundle.place().display().to_string();
        let finding =
            |severity, message: &str| Finding::new(self.id(), severity, subject.clone(), message);
        vec![match bundle.verify() {
            Ok(Wholeness::Whole) if bundle.is_archive() => finding(
                Severity::Ok,
                "the archive has the sum that SHA256SUMS names",
            ),
            Ok(Wholeness::Whole) => finding(Severity::Ok, "every blob has its digest"),
            Ok(Wholeness::Unproven) => finding(
                Severity::Note,
                "no SHA256SUMS beside the archive says what it should be",
            )
            .because("each blob is compared with its digest while docker offline build unpacks it"),
            Ok(Wholeness::Damaged(damaged)) => {
                let first = damaged
                    .first()
                    .map(|first| format!(", first {} ({})", first.digest, first.what.words()));
                let message = format!(
                    "{} of the bundle's blobs are damaged{}",
                    damaged.len(),
                    first.unwrap_or_default()
                );
                finding(Severity::Error, &message)
                    .because("the copy is not what was exported")
                    .remedied_by(
                        "check the archive where it was carried from: sha256sum -c SHA256SUMS",
                    )
                    .remedied_by(
                        "copy it again, remove this folder, and run the same command again",
                    )
            }
            Err(failure) => {
                let mut finding = finding(Severity::Error, &failure.to_string());
                finding.cause = failure.error().source().map(ToString::to_string);
                finding.remedy.extend(failure.hint().map(str::to_owned));
                finding
            }
        }]
    }
}
