//! Steps that fetch something past the proxy.

use super::plan::Group;
use super::session::Attempted;
use crate::event::Warning;

/// What is said of them.
pub(super) fn warnings(group: &Group<'_>, attempted: &Attempted<'_>) -> Vec<Warning> {
    let Some(first) = group.services.first() else {
        return Vec::new();
    };
    let names = group.names().join(", ");
    let one = |(line, tool): (&u32, &&str)| {
        Warning {
        what: format!("what {tool} fetches for service {names} in this step is not recorded: it went past the proxy"),
        subject: Some(first.build.location(*line).to_string()),
        why: Some("the step asked the proxy for nothing, and fails without a network: it takes the variables away that name the proxy (env -i, setpriv --reset-env, NO_PROXY), or its tool does not read them".into()),
        remedy: Some("on the site it runs only as long as it is cached. Let it keep the variables (HTTP_PROXY, HTTPS_PROXY, SSL_CERT_FILE and their kin), or place it above the COPY of what is edited there".into()),
    }
    };
    attempted.past.iter().map(one).collect()
}
