use super::super::finding::{Finding, Severity};
use super::check::{Check, Situation};

/// Every byte of the bundle is what was written.
pub(super) struct BundleWhole;

impl Check for BundleWhole {
    fn id(&self) -> &'static str {
        "bundle-whole"
    }

    fn findings(&self, situation: &Situation<'_>) -> Vec<Finding> {
        let Some(bundle) = situation.bundle else {
            let subject = situation.bundle_folder.display().to_string();
            let finding = Finding::new(
                self.id(),
                Severity::Note,
                subject,
                "there is no bundle here",
            )
            .because("without one, only the machine can be looked at")
            .remedied_by("name it with --bundle, or run this in the folder that holds it");
            return vec![finding];
        };
        let subject = bundle.place().display().to_string();
        vec![match bundle.verify() {
            Ok(()) => Finding::new(self.id(), Severity::Ok, subject, "the bundle is whole"),
            Err(failure) => {
                let message = failure.to_string();
                let mut finding = Finding::new(self.id(), Severity::Error, subject, message);
                finding.cause = failure.error().source().map(ToString::to_string);
                finding.remedy.extend(failure.hint().map(str::to_owned));
                finding
            }
        }]
    }
}
