//! Failed logins, and how long nobody gets another try.

/// How failures lock somebody out: each one beyond the free ones for twice as long as the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockoutRule {
    /// So many failures lock nobody out.
    pub free: u32,
    /// The next one does for so many seconds.
    pub first: u32,
    /// And none for longer than so many seconds.
    pub most: u32,
    /// So many seconds after the last failure, and after the end of the lockout, all failures are forgotten.
    pub forget: u32,
}

/// What is remembered of somebody whose logins failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lockout {
    /// How often, one after another.
    pub failures: u32,
    /// Nobody gets another try before this, in seconds since 1970; 0: at once.
    pub until: i64,
}

impl LockoutRule {
    /// For how many seconds so many failures lock somebody out.
    pub fn seconds(&self, failures: u32) -> u32 {
        let Some(beyond) = failures.checked_sub(self.free).and_then(|beyond| beyond.checked_sub(1)) else { return 0 };
        let doubled = u64::from(self.first) << beyond.min(31);
        u32::try_from(doubled).unwrap_or(u32::MAX).min(self.most)
    }
}

#[cfg(test)]
mod tests {
    use super::LockoutRule;

    #[test]
    fn each_failure_doubles_the_time_up_to_a_bound() {
        let rule = LockoutRule { free: 3, first: 10, most: 60, forget: 3600 };
        let times: Vec<u32> = (0..9).map(|failures| rule.seconds(failures)).collect();
        assert_eq!(times, [0, 0, 0, 0, 10, 20, 40, 60, 60]);
        assert_eq!(rule.seconds(u32::MAX), 60);
        assert_eq!(LockoutRule { most: u32::MAX, ..rule }.seconds(u32::MAX), u32::MAX);
    }
}
