//! The syntax of an alarm condition: `> 500 for 300`.

/// What is wrong with a condition; `None` when pymscada would take it.
pub(super) fn fault(condition: &str) -> Option<&'static str> {
    let tokens: Vec<&str> = condition.split(' ').collect();
    let (operator, number, time) = match tokens[..] {
        [operator, number] => (operator, number, None),
        [operator, number, "for", time] => (operator, number, Some(time)),
        _ => return Some("expected '> 500' or '> 500 for 300', with single spaces"),
    };
    if !matches!(operator, ">" | "<" | ">=" | "<=" | "==") {
        return Some("expected it to begin with one of >, <, >=, <=, ==");
    }
    if !number.parse::<f64>().is_ok_and(f64::is_finite) {
        return Some("expected a number after the sign");
    }
    match time {
        Some(time) if time.parse::<u32>().is_err() => Some("expected whole seconds after \"for\""),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::fault;

    #[test]
    fn takes_what_pymscada_takes() {
        for good in ["> 500 for 300", "> 500", "<= -1.5", "== 1e3", ">= .5 for 0"] {
            assert_eq!(fault(good), None, "{good}");
        }
        for bad in
            ["", ">", "500", ">500", "> 500 for", "> 500 for x", ">  500", "=> 5", "> inf", "> 5 for 1.5", "> 5 hold 3"]
        {
            assert!(fault(bad).is_some(), "{bad}");
        }
    }
}
