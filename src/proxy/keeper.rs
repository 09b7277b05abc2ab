//! Keeps the keys of identity providers fresh, those of the configuration in force, so that nobody waits for them.

use super::shared::Shared;
use std::sync::Arc;
use std::time::Duration;

/// How often the keeper looks whether there is another configuration.
const LOOK: Duration = Duration::from_secs(1);

/// Runs until it is dropped.
pub(super) async fn keep(shared: Arc<Shared>) {
    loop {
        let snapshot = shared.snapshot();
        let replaced = async {
            while shared.live.generation() == snapshot.generation {
                tokio::time::sleep(LOOK).await;
            }
        };
        match &snapshot.people {
            Some(people) => tokio::select! {
                () = people.keep() => {}
                () = replaced => {}
            },
            None => replaced.await,
        }
    }
}
