//! The one place of the front that looks at the clock.

use crate::policy::Moment;

/// Seconds since 1970-01-01 UTC.
pub fn unix() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// Now, as rules see it: in local time.
pub fn moment() -> Moment {
    Moment::of(&jiff::Zoned::now())
}
