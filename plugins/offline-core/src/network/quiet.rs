/// A builder's words without the flags that a rewritten Dockerfile adds to its steps.
pub fn without_our_flags(text: &str) -> String {
    const FLAG: &str = "--mount=type=secret,id=docker-offline-";
    let mut rest = text;
    let mut kept = String::with_capacity(text.len());
    while let Some(at) = rest.find(FLAG) {
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
    }
}
