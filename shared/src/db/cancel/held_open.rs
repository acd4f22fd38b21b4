use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::future::{MapOk, TryFutureExt};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

/// A stream on which our side does not hang up first: shutting it down waits for the other side to.
pub(super) struct HeldOpen<S>(S);

impl<S> HeldOpen<S> {
    pub(super) fn new(stream: S) -> Self {
        Self(stream)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for HeldOpen<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for HeldOpen<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut bytes = [0; 64];
        loop {
            let mut buffer = ReadBuf::new(&mut bytes);
            // However the other side ends it, it is over.
            let ended = ready!(Pin::new(&mut self.0).poll_read(context, &mut buffer)).is_err();
            if ended || buffer.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: TlsStream + Unpin> TlsStream for HeldOpen<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.0.channel_binding()
    }
}

/// A connector whose TLS streams are held open too: the notice that ends TLS would be taken for hanging up.
pub(super) struct HeldOpenTls<C>(pub(super) C);

impl<S, C: TlsConnect<S>> TlsConnect<S> for HeldOpenTls<C> {
    type Stream = HeldOpen<C::Stream>;
    type Error = C::Error;
    type Future = MapOk<C::Future, fn(C::Stream) -> HeldOpen<C::Stream>>;

    fn connect(self, stream: S) -> Self::Future {
        self.0.connect(stream).map_ok(HeldOpen)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::poll;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn shutting_down_waits_until_the_other_side_hangs_up() {
        let (ours, mut theirs) = duplex(64);
        let mut ours = HeldOpen::new(ours);
        theirs.write_all(b"a notice that nobody reads").await.unwrap();
        let mut end = Box::pin(ours.shutdown());
        assert!(poll!(&mut end).is_pending());
        let hung_up = poll!(Box::pin(theirs.read_u8()));
        assert!(hung_up.is_pending());
        drop(theirs);
        end.await.unwrap();
    }
}
