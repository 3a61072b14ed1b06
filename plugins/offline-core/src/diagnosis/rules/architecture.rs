use super::super::bundle_view::BundleView;
use super::super::finding::{Finding, Severity};
use super::check::{Check, Situation};

/// The bundle is for the engine's processor.
pub(super) struct Architecture;

impl Check for Architecture {
    fn id(&self) -> &'static str {
        "architecture"
    }

    fn findings(&self, situation: &Situation<'_>) -> Vec<Finding> {
        let Ok(engine) = &situation.facts.engine else {
            return Vec::new();
        };
        let made_for = situation.bundle.and_then(BundleView::platform);
        // linux/arm64/v8 runs on linux/arm64: the variant is the engine's matter.
        let family = |platform: &str| platform.split('/').take(2).collect::<Vec<_>>().join("/");
        let (severity, message) = match made_for {
            None => (Severity::Ok, engine.platform.clone()),
            Some(made_for) if family(&made_for) == family(&engine.platform) => {
                let message = format!("{} here and in the bundle", engine.platform);
                (Severity::Ok, message)
            }
            Some(made_for) => {
                let message = format!(
                    "the bundle is for {made_for}, the engine is {}",
                    engine.platform
                );
                let finding = Finding::new(self.id(), Severity::Error, "bundle", message)
                    .because("binaries of another processor do not run")
                    .remedied_by(format!(
                        "on the connected machine: docker offline export --platform {}",
                        engine.platform
                    ));
                return vec![finding];
            }
        };
        vec![Finding::new(self.id(), severity, "engine", message)]
    }
}
