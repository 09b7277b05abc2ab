//! The one place of the front that looks at the clock.

use crate::policy::Moment;

/// Seconds since 1970-01-01 UTC.
pub fn unix() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// Now, as rules see it: in local time.
pub fn moment() -> Moment {
    let now = jiff::Zoned::now();
    Moment {
        unix: now.timestamp().as_second(),
        minute: u16::from(now.hour().unsigned_abs()) * 60 + u16::from(now.minute().unsigned_abs()),
        weekday: now.weekday().to_monday_zero_offset().unsigned_abs(),
    }
}
