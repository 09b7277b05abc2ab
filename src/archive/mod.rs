//! The archive leg: which archive answers, how many associations it bears, dialling it. Every send consumes a permit; it never decides.
