use super::cleaned;

/// A builder's words without the flags that a rewritten Dockerfile adds to its steps.
pub fn without_our_flags(text: &str) -> String {
    const SECRET: &str = "--mount=type=secret,id=docker-offline-";
    let text = without(text, SECRET);
    cleaned::without(&without(&text, cleaned::FLAG))
}

/// A text without the words that begin like this.
fn without(text: &str, flag: &str) -> String {
    let mut rest = text;
    let mut kept = String::with_capacity(text.len());
    while let Some(at) = rest.find(flag) {
        kept.push_str(&rest[..at]);
        let end = rest[at..].find(' ').map_or(rest.len(), |end| at + end + 1);
        rest = &rest[end..];
    }
    kept.push_str(rest);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_flags_go() {
        let line = "#7 [a 2/3] RUN --mount=type=secret,id=docker-offline-ca,target=/.x,mode=0444 --mount=type=secret,id=docker-offline-env-X,env=X --mount=type=secret,id=own make";
        assert_eq!(
            without_our_flags(line),
            "#7 [a 2/3] RUN --mount=type=secret,id=own make"
        );
        let shell = "RUN --mount=type=bind,from=docker-offline.invalid/replay:1,source=/d,target=/.docker-offline-run --mount=type=secret,id=docker-offline-marks,target=/m /.docker-offline-run __step $$; exit $?; env > x";
        assert_eq!(without_our_flags(shell), "RUN env > x");
        let words = "process \"/.docker-offline-run __step -- env x\" did not complete";
        assert_eq!(
            without_our_flags(words),
            "process \"env x\" did not complete"
        );
    }
}
