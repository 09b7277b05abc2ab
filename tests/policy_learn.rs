//! A policy learned from a day that was observed, what another one would have done to that day, and a reload that waits.

#[cfg(test)]
mod support;

#[cfg(test)]
#[path = "policy_learn/day.rs"]
mod day;
#[cfg(test)]
#[path = "policy_learn/guard.rs"]
mod guard;
#[cfg(test)]
#[path = "policy_learn/learned.rs"]
mod learned;
