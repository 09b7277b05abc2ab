//! Event to record to chain, and its verification (PS3.15 A.5 names the events). The only room that renders patient data; it never decides.
