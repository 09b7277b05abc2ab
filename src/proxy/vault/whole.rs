//! Whose objects of which class are sealed whole, because what stood behind their pixels was once too much; and which
//! instances of which archive are not compared, because there was once no room for it.

use crate::dicom::Uid;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// So many pairs are remembered; then the oldest goes.
const MOST: usize = 1024;

/// Peers and SOP classes, or archives and instances.
#[derive(Debug, Default)]
pub struct KeptWhole(Mutex<VecDeque<(Arc<str>, Uid)>>);

impl KeptWhole {
    /// From now on.
    pub fn remember(&self, peer: &Arc<str>, class: Uid) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.iter().any(|(known, of)| known == peer && *of == class) {
            return;
        }
        if all.len() >= MOST {
            all.pop_front();
        }
        all.push_back((Arc::clone(peer), class));
    }

    /// Whether they are.
    pub fn contains(&self, peer: &str, class: &Uid) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().any(|(known, of)| **known == *peer && of == class)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten_first() {
        let whole = KeptWhole::default();
        let class: Uid = "1.2.3".parse().unwrap();
        let peers: Vec<Arc<str>> = (0..=MOST).map(|number| Arc::from(number.to_string())).collect();
        for peer in &peers {
            whole.remember(peer, class);
            whole.remember(peer, class);
        }
        assert!(!whole.contains("0", &class));
        assert!(whole.contains("1", &class) && whole.contains(&MOST.to_string(), &class));
        assert!(!whole.contains("1", &"1.2.4".parse().unwrap()));
    }
}
