use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

/// Waits for two things at once: what a store is asked for together costs one wait.
pub(crate) async fn both<A, B>(one: impl Future<Output = A>, other: impl Future<Output = B>) -> (A, B) {
    let (mut one, mut other) = (pin!(one), pin!(other));
    let (mut first, mut second) = (None, None);
    poll_fn(|context| {
        poll_once(&mut first, one.as_mut(), context);
        poll_once(&mut second, other.as_mut(), context);
        match (first.take(), second.take()) {
            (Some(first), Some(second)) => Poll::Ready((first, second)),
            (done, also_done) => {
                (first, second) = (done, also_done);
                Poll::Pending
            }
        }
    })
    .await
}

/// Asks for a result, unless it is there.
fn poll_once<T>(
    result: &mut Option<T>,
    future: Pin<&mut impl Future<Output = T>>,
    context: &mut Context<'_>,
) {
    if result.is_none()
        && let Poll::Ready(done) = future.poll(context)
    {
        *result = Some(done);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::task::Waker;

    use super::*;

    /// One after the other, they would wait forever.
    #[test]
    fn the_first_may_wait_for_the_second() {
        let is_done = Cell::new(false);
        let one = poll_fn(|_| if is_done.get() { Poll::Ready(1) } else { Poll::Pending });
        let mut waiting = pin!(both(one, async { is_done.replace(true) }));
        let mut context = Context::from_waker(Waker::noop());
        assert_eq!(waiting.as_mut().poll(&mut context), Poll::Pending);
        assert_eq!(
            waiting.as_mut().poll(&mut context),
            Poll::Ready((1, false)),
            "each is asked until it is done"
        );
    }
}
