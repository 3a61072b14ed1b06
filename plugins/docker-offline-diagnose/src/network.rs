use std::fmt::Write as _;

use offline_core::diagnosis::{Language, ListedRequest, ListedStep, NetworkList};
use offline_terminal::bytes;

use crate::text::Page;

/// What `--list-network` prints: under each service its steps, and under each step
/// what it asked for.
pub(crate) fn words(list: &NetworkList, page: Page) -> String {
    let zh = page.language == Language::Chinese;
    let mut text = String::new();
    for service in &list.services {
        let title = match &service.dockerfile {
            Some(file) => format!("{} ({file})", service.name),
            None => service.name.clone(),
        };
        let _ = writeln!(text, "{}", page.colours.bold(&title));
        for step in &service.steps {
            one(&mut text, step, page);
        }
        if !service.other.is_empty() {
            let other = if zh {
                "  不属于已知步骤"
            } else {
                "  by no step that is known"
            };
            let _ = writeln!(text, "{other}");
            service.other.iter().for_each(|r| request(&mut text, r));
        }
    }
    let size = bytes(list.bytes);
    let _ = match (list.services.is_empty(), zh) {
        (true, false) => writeln!(text, "This bundle has no recording of the network."),
        (true, true) => writeln!(text, "此离线包没有网络录制。"),
        (false, false) => writeln!(
            text,
            "\n{} requests of {} services, {size} in the bundle",
            list.requests,
            list.services.len()
        ),
        (false, true) => writeln!(
            text,
            "\n{} 个服务的 {} 个请求，离线包中共 {size}",
            list.services.len(),
            list.requests
        ),
    };
    text
}

fn one(text: &mut String, step: &ListedStep, page: Page) {
    let zh = page.language == Language::Chinese;
    let said = step.text.as_deref().unwrap_or("RUN");
    let first = said.lines().next().unwrap_or_default();
    let _ = writeln!(text, "  {:>4}  {first}", step.line);
    if step.requests.is_empty() {
        let none = if zh { "没有请求" } else { "no requests" };
        let _ = writeln!(text, "        {}", page.colours.dim(none));
    }
    step.requests.iter().for_each(|r| request(text, r));
}

fn request(text: &mut String, request: &ListedRequest) {
    let ListedRequest {
        url,
        method,
        status,
        size,
    } = request;
    let _ = writeln!(text, "        {method} {status} {:>9}  {url}", bytes(*size));
}

#[cfg(test)]
mod tests {
    use offline_core::diagnosis::ListedService;
    use offline_terminal::Colours;

    use super::*;

    #[test]
    fn steps_with_what_they_asked_for() {
        let page = Page {
            language: Language::English,
            colours: Colours::new(false),
            width: None,
        };
        assert_eq!(
            words(&NetworkList::default(), page),
            "This bundle has no recording of the network.\n"
        );
        let asked = |url: &str| ListedRequest {
            url: url.into(),
            method: "GET".into(),
            status: 200,
            size: 10,
        };
        let list = NetworkList {
            requests: 2,
            bytes: 20,
            services: vec![ListedService {
                name: "web".into(),
                dockerfile: Some("web/Dockerfile".into()),
                steps: vec![
                    ListedStep {
                        line: 4,
                        text: Some("RUN get \\\n  b".into()),
                        requests: vec![asked("http://b/")],
                        ..ListedStep::default()
                    },
                    ListedStep {
                        line: 9,
                        ..ListedStep::default()
                    },
                ],
                other: vec![asked("http://a/")],
            }],
            ..NetworkList::default()
        };
        let printed = words(&list, page);
        let expected = [
            "web (web/Dockerfile)",
            "     4  RUN get \\",
            "        GET 200      10 B  http://b/",
            "     9  RUN",
            "        no requests",
            "  by no step that is known",
            "        GET 200      10 B  http://a/",
            "",
            "2 requests of 1 services, 20 B in the bundle",
        ];
        assert_eq!(printed.lines().collect::<Vec<_>>(), expected, "{printed}");
    }
}
