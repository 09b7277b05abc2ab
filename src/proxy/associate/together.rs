//! Several waits at once, within the one task of an association.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

/// Runs all to their ends; the outcomes in the order of the futures.
pub(super) async fn together<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<Pin<Box<F>>> = futures.into_iter().map(Box::pin).collect();
    let mut outcomes: Vec<Option<F::Output>> = running.iter().map(|_| None).collect();
    poll_fn(|cx| {
        let mut over = true;
        for (future, outcome) in running.iter_mut().zip(&mut outcomes).filter(|(_, outcome)| outcome.is_none()) {
            match future.as_mut().poll(cx) {
                Poll::Ready(ended) => *outcome = Some(ended),
                Poll::Pending => over = false,
            }
        }
        if over { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    outcomes.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn none_waits_for_another() {
        let (sender, receiver) = oneshot::channel();
        let (mut sender, mut receiver) = (Some(sender), Some(receiver));
        // The first ends only once the second has run.
        let ends = together([0_u8, 1].map(|which| {
            let (sender, receiver) = if which == 0 { (None, receiver.take()) } else { (sender.take(), None) };
            async move {
                if let Some(sender) = sender {
                    sender.send(9_u8).unwrap();
                }
                match receiver {
                    Some(receiver) => receiver.await.unwrap(),
                    None => which,
                }
            }
        }))
        .await;
        assert_eq!(ends, [9, 1]);
    }
}
