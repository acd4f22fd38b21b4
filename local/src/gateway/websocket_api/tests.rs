//! What a socket costs.

use super::WebSocketApi;

/// The size of the future that a function returns, in bytes.
fn size_of_future<A, B, C, D, E, F>(_function: impl Fn(A, B, C, D, E) -> F) -> usize {
    size_of::<F>()
}

/// A task has room for the largest thing that it ever waits for, as long as it lasts: what is large and rare lies in a box
/// or a task of its own, or ten thousand idle sockets pay for it.
#[test]
fn the_task_of_a_socket_is_small() {
    let size = size_of_future(WebSocketApi::live);
    assert!(size <= 2560, "{size} bytes");
}
