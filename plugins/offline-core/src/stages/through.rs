use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use crate::project::escape;

/// No service's build goes through a proxy.
pub static DIRECT: BTreeMap<String, Through> = BTreeMap::new();

/// A build of a service that goes through a proxy of ours.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Through {
    /// The Dockerfile with its network steps rewritten, which has the same stages
    /// under the same names.
    pub dockerfile: PathBuf,
    /// Build arguments besides the project's own: the predefined ones that name the
    /// proxy, which are no part of any key (engine fact 7).
    pub args: BTreeMap<String, String>,
    /// Files that the rewritten steps mount as secrets, by ID; what they hold is no
    /// part of any key.
    pub secrets: BTreeMap<String, PathBuf>,
}

impl Through {
    /// Changes a bake target into a build through the proxy.
    pub fn apply(&self, target: &mut Map<String, Value>) {
        target.remove("dockerfile-inline");
        target.insert("dockerfile".into(), json!(self.dockerfile));
        let args = target.entry("args").or_insert_with(|| json!({}));
        if let Value::Object(args) = args {
            for (name, value) in &self.args {
                args.insert(name.clone(), json!(escape(value)));
            }
        }
        let secrets = target.entry("secret").or_insert_with(|| json!([]));
        if let Value::Array(secrets) = secrets {
            for (id, path) in &self.secrets {
                let text = format!("id={id},type=file,src={}", path.display());
                secrets.push(json!(text));
            }
        }
    }
}
