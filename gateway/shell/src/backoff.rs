//! How long to wait before trying again.

use std::time::Duration;

/// Waits that double from `first` to `longest`; a success starts over.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    /// A backoff from `first` up to `longest`.
    pub fn new(first: Duration, longest: Duration) -> Self {
        assert!(!first.is_zero() && first <= longest, "a backoff grows from something to something not smaller");
        Self { first, longest, next: first }
    }

    /// The wait after one more failure.
    pub fn after_failure(&mut self) -> Duration {
        let wait = self.next;
        self.next = (self.next * 2).min(self.longest);
        wait
    }

    /// It worked: the next failure waits `first` again.
    pub fn after_success(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_the_longest_and_starts_over() {
        let ms = Duration::from_millis;
        let mut backoff = Backoff::new(ms(100), ms(250));
        assert_eq!([(); 4].map(|()| backoff.after_failure()), [ms(100), ms(200), ms(250), ms(250)]);
        backoff.after_success();
        assert_eq!(backoff.after_failure(), ms(100));
    }
}
