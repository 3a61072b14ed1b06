use crate::Ran;

/// Of all RUN steps, the classic builder ran those that hold one of these words, and
/// each word was in one that it ran. Steps of BuildKit, which have a `#` in front, are
/// not looked at.
pub fn assert_classic_only_ran(ran: &Ran, expected: &[&str]) {
    let all = ran.all();
    let mut run: Vec<&str> = Vec::new();
    let mut steps: Vec<(&str, &str)> = Vec::new();
    for line in all.lines() {
        let Some((service, rest)) = line.split_once(": ") else {
            continue;
        };
        if let Some((_, instruction)) = rest.split_once(" : ").filter(|_| rest.starts_with("Step "))
        {
            steps.retain(|(of, _)| *of != service);
            steps.push((service, instruction));
        } else if rest.starts_with(" ---> Running in")
            && let Some((_, instruction)) = steps.iter().find(|(of, _)| *of == service)
            && instruction.starts_with("RUN ")
        {
            run.push(*instruction);
        }
    }
    for instruction in &run {
        let known = expected.iter().any(|words| instruction.contains(words));
        assert!(
            known,
            "only {expected:?} should have run, not {instruction}: {ran}"
        );
    }
    for words in expected {
        let found = run.iter().any(|instruction| instruction.contains(words));
        assert!(found, "{words:?} should have run: {ran}");
    }
}
