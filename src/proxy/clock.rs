//! The one place of the front that looks at the clock.

use crate::policy::Moment;
use std::cell::Cell;

/// Seconds since 1970-01-01 UTC.
pub fn unix() -> i64 {
    jiff::Timestamp::now().as_second()
}

thread_local! {
    /// What local clocks show changes once a second at most; working it out for every message costs more than deciding.
    static SHOWN: Cell<Option<Moment>> = const { Cell::new(None) };
}

/// Now, as rules see it: in local time.
pub fn moment() -> Moment {
    let unix = unix();
    if let Some(shown) = SHOWN.get()
        && shown.unix == unix
    {
        return shown;
    }
    let moment = Moment::of(&jiff::Zoned::now());
    SHOWN.set(Some(moment));
    moment
}
