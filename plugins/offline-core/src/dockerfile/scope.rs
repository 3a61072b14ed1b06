//! Where ARGs get their values from (BuildKit's `buildMetaArgs`, `dispatchArg`).

use std::collections::BTreeMap;

use super::{Arg, Dockerfile, Error, Platform, expand};

/// Variables with their values.
pub type Environment = BTreeMap<String, String>;

/// What a build gives its ARGs besides their defaults.
#[derive(Debug, Clone)]
pub struct BuildArgs {
    /// `--build-arg`, or `build.args` of Compose.
    pub overrides: BTreeMap<String, String>,
    /// The platform that builds.
    pub build_platform: Platform,
    /// The platform that is built for.
    pub target_platform: Platform,
    /// The target's name, if one was asked for.
    pub target_stage: Option<String>,
}

impl BuildArgs {
    /// The ARGs before the first FROM, and those that BuildKit predefines.
    pub fn global(&self, dockerfile: &Dockerfile) -> Result<Environment, Error> {
        let mut environment = self.predefined();
        for arg in &dockerfile.global_args {
            let value = match (self.overrides.get(&arg.name), &arg.default) {
                (Some(value), _) => Some(value.clone()),
                (None, Some(default)) => Some(
                    expand(default, &environment, dockerfile.escape)
                        .map_err(|why| Error::at(arg.line, why))?,
                ),
                (None, None) => None,
            };
            if let Some(value) = value {
                environment.insert(arg.name.clone(), value);
            }
        }
        Ok(environment)
    }

    /// An ARG inside a stage: the build's value, else its own default, else the
    /// global one.
    pub fn declare(
        &self,
        arg: &Arg,
        globals: &Environment,
        environment: &mut Environment,
        escape: char,
    ) -> Result<(), Error> {
        let value = match (self.overrides.get(&arg.name), &arg.default) {
            (Some(value), _) => Some(value.clone()),
            (None, Some(default)) => {
                Some(expand(default, environment, escape).map_err(|why| Error::at(arg.line, why))?)
            }
            (None, None) => globals.get(&arg.name).cloned(),
        };
        if let Some(value) = value {
            environment.insert(arg.name.clone(), value);
        }
        Ok(())
    }

    fn predefined(&self) -> Environment {
        let mut environment = Environment::new();
        for (prefix, platform) in [
            ("BUILD", &self.build_platform),
            ("TARGET", &self.target_platform),
        ] {
            let variant = platform.variant.clone().unwrap_or_default();
            for (suffix, value) in [
                ("PLATFORM", platform.to_string()),
                ("OS", platform.os.clone()),
                ("OSVERSION", String::new()),
                ("ARCH", platform.architecture.clone()),
                ("VARIANT", variant),
            ] {
                environment.insert(format!("{prefix}{suffix}"), value);
            }
        }
        let target = self.target_stage.as_deref().unwrap_or("default");
        environment.insert("TARGETSTAGE".into(), target.to_owned());
        for (name, value) in &mut environment {
            if let Some(given) = self.overrides.get(name) {
                value.clone_from(given);
            }
        }
        environment
    }
}
