//! HTTP/1.1 or HTTP/2, told by the first bytes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

/// What an HTTP/2 client begins with (RFC 9113 section 3.4).
const PREFACE: [u8; 24] = *b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A stream with some of its first bytes put back.
#[derive(Debug)]
pub(super) struct Sniffed<I> {
    first: [u8; PREFACE.len()],
    start: usize,
    end: usize,
    inner: I,
}

impl<I: AsyncRead + Unpin> Sniffed<I> {
    /// A stream of which nothing was read.
    pub(super) const fn untouched(inner: I) -> Self {
        Self { first: [0; PREFACE.len()], start: 0, end: 0, inner }
    }

    /// Reads until it is clear whether the client speaks HTTP/2 by prior knowledge.
    pub(super) async fn sniff(inner: I) -> io::Result<(Self, bool)> {
        let mut this = Self::untouched(inner);
        loop {
            let room = this.first.get_mut(this.end..).unwrap_or_default();
            if room.is_empty() {
                return Ok((this, true));
            }
            let count = this.inner.read(room).await?;
            this.end += count;
            let same = this.first.iter().zip(&PREFACE).take(this.end).all(|(byte, expected)| byte == expected);
            if !same || count == 0 {
                return Ok((this, false));
            }
        }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Sniffed<I> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.start < self.end {
            let this = &mut *self;
            let left = this.first.get(this.start..this.end).unwrap_or_default();
            let count = left.len().min(buffer.remaining());
            buffer.put_slice(left.get(..count).unwrap_or_default());
            this.start += count;
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Sniffed<I> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffers: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}
