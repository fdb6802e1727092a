//! What the site allows to be written, and what becomes of a value past that. Pure.

use tag::{Kind, PastLimits, TagDef, Value};

/// What the site allows to be written, in engineering units.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Limits {
    /// Lowest.
    pub min: Option<f64>,
    /// Highest.
    pub max: Option<f64>,
    /// What becomes of a value past them.
    pub past: PastLimits,
    /// The tag holds whole numbers only: so does a limit that is written.
    pub whole: bool,
}

impl Limits {
    /// Those of a tag; one the site says nothing of has none.
    pub(crate) fn of(def: Option<&TagDef>) -> Self {
        let Some(def) = def else { return Self::default() };
        let (past, whole) = (def.past_limits, def.kind == Kind::Int);
        match &def.multi {
            // Beyond the last state there is nothing to be moved to.
            Some(states) => {
                let max = Some(states.len().saturating_sub(1) as f64);
                Self { min: Some(0.0), max, past: PastLimits::Refuse, whole }
            }
            None => Self { min: def.min, max: def.max, past, whole },
        }
    }

    /// What is written in place of a value past the limits; `None`: the value itself. The refusal is for the person who
    /// wrote.
    pub(crate) fn instead(&self, value: &Value) -> Result<Option<Value>, String> {
        let Some(number) = value.as_f64() else { return Ok(None) };
        let (limit, refusal) = match (self.min, self.max) {
            (Some(min), _) if number < min => (self.reached(min, f64::ceil), format!("under min {min:?}")),
            (_, Some(max)) if number > max => (self.reached(max, f64::floor), format!("over max {max:?}")),
            _ => return Ok(None),
        };
        // An infinity is what a division by zero leaves, nobody's wish for the utmost. And of whole numbers there may be
        // none between the limits.
        let allowed = number.is_finite() && self.min.is_none_or(|min| limit >= min);
        match self.past {
            PastLimits::Clamp if allowed && self.max.is_none_or(|max| limit <= max) => Ok(Some(self.value_of(limit))),
            _ => Err(refusal),
        }
    }

    /// The outermost number that the tag can hold and the limit allows.
    fn reached(&self, limit: f64, inwards: fn(f64) -> f64) -> f64 {
        if self.whole { inwards(limit) } else { limit }
    }

    fn value_of(&self, limit: f64) -> Value {
        let whole = limit as i64;
        // One that 64 bits don't hold stays what it is; no register holds it either, and that is said.
        if self.whole && whole as f64 == limit { Value::Int(whole) } else { Value::Float(limit) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clamp(min: f64, max: f64, whole: bool) -> Limits {
        Limits { min: Some(min), max: Some(max), past: PastLimits::Clamp, whole }
    }

    #[test]
    fn the_limit_is_of_the_tags_kind_and_never_past_itself() {
        let float = clamp(-1.5, 10.5, false);
        assert_eq!(float.instead(&Value::Int(12)), Ok(Some(Value::Float(10.5))));
        assert_eq!(float.instead(&Value::Float(-2.0)), Ok(Some(Value::Float(-1.5))));
        assert_eq!(float.instead(&Value::Float(10.5)), Ok(None));
        let int = clamp(-1.5, 10.5, true);
        assert_eq!(int.instead(&Value::Int(11)), Ok(Some(Value::Int(10))));
        assert_eq!(int.instead(&Value::Float(-1e300)), Ok(Some(Value::Int(-1))));
        assert_eq!(int.instead(&Value::from("much")), Ok(None), "the layout says what it thinks of that");
    }

    #[test]
    fn what_is_no_number_to_be_moved_is_refused_as_ever() {
        let float = clamp(0.0, 10.0, false);
        assert_eq!(float.instead(&Value::Float(f64::INFINITY)), Err("over max 10.0".into()));
        assert_eq!(float.instead(&Value::Float(f64::NEG_INFINITY)), Err("under min 0.0".into()));
        assert_eq!(float.instead(&Value::Float(f64::NAN)), Ok(None), "refused where it is put into registers");
        let none_between = clamp(0.2, 0.8, true);
        assert_eq!(none_between.instead(&Value::Int(1)), Err("over max 0.8".into()));
        assert_eq!(none_between.instead(&Value::Int(0)), Err("under min 0.2".into()));
        let refuse = Limits { past: PastLimits::Refuse, ..float };
        assert_eq!(refuse.instead(&Value::Int(11)), Err("over max 10.0".into()));
        let upper = Limits { min: None, ..float };
        assert_eq!(upper.instead(&Value::Int(-11)), Ok(None));
    }
}
