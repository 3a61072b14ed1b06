use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use docker_credential::{DockerCredential, get_credential_from_reader};
use oci_client::secrets::RegistryAuth;

use super::endpoint::Endpoint;

/// What `docker login` has stored for an endpoint, helpers included; anonymous
/// where there is nothing, as Docker does.
pub(super) fn find(config_dir: Option<&Path>, endpoint: &Endpoint) -> RegistryAuth {
    let Some(file) = config_dir.map(|dir| dir.join("config.json")) else {
        return RegistryAuth::Anonymous;
    };
    // The keys under which docker/cli and other tools store a login.
    let servers = if endpoint.name == "docker.io" {
        vec!["https://index.docker.io/v1/".to_owned()]
    } else {
        vec![endpoint.host.clone(), format!("https://{}", endpoint.host)]
    };
    for server in servers {
        let Ok(reader) = File::open(&file).map(BufReader::new) else {
            return RegistryAuth::Anonymous;
        };
        // An identity token needs the OAuth2 exchange, which oci-client lacks.
        if let Ok(DockerCredential::UsernamePassword(user, password)) =
            get_credential_from_reader(reader, &server)
        {
            return RegistryAuth::Basic(user, password);
        }
    }
    RegistryAuth::Anonymous
}
