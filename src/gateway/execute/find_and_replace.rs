//! `find-and-replace`: replaces every occurrence of a text in the body of the request or the response (its page).

use bytes::Bytes;
use memchr::memmem;

use crate::gateway::exchange::Exchange;
use crate::gateway::message::MessageBody;
use crate::gateway::program::{Argument, Arguments, Compiler, Flow, Run, Statement};
use crate::policy::Element;

#[derive(Debug)]
struct FindAndReplace {
    from: Argument<Box<str>>,
    to: Argument<Box<str>>,
}

/// Works on bytes: a UTF-8 text is found in nothing but itself, and a body that is no text is left as it is elsewhere.
fn replace(body: &[u8], from: &[u8], to: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut last = 0;
    // Replacing what is empty would never end; .NET refuses it, here nothing happens (assumed).
    for place in memmem::find_iter(body, from).take_while(|_| !from.is_empty()) {
        out.extend_from_slice(body.get(last..place)?);
        out.extend_from_slice(to);
        last = place + from.len();
    }
    if last == 0 {
        return None;
    }
    out.extend_from_slice(body.get(last..)?);
    Some(out)
}

impl Statement for FindAndReplace {
    fn run<'a>(&'a self, exchange: &'a mut Exchange, arguments: &mut Arguments) -> Run<'a> {
        let (from, to) = (arguments.text(&self.from).to_owned(), arguments.text(&self.to).to_owned());
        Run::Later(Box::pin(async move {
            let limit = exchange.worker.limits.buffered_body;
            if let Some(body) = exchange.section_body() {
                let bytes = body.buffer(limit).await?;
                if let Some(changed) = replace(&bytes, from.as_bytes(), to.as_bytes()) {
                    *body = MessageBody::Buffered(Bytes::from(changed));
                }
            }
            Ok(Flow::Next)
        }))
    }
}

/// `<find-and-replace from="…" to="…" />`.
pub(super) fn compile(element: &Element, compiler: &mut Compiler<'_>) {
    let from = compiler.required_text(element, "from");
    let to = compiler.required_text(element, "to");
    compiler.run(FindAndReplace { from, to });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_occurrence_is_replaced_once() {
        assert_eq!(replace(b"aXbXc", b"X", b"XX").unwrap(), b"aXXbXXc");
        assert_eq!(replace(b"aXb", b"Y", b""), None);
        assert_eq!(replace(b"abc", b"", b"x"), None);
        assert_eq!(replace(b"\xff\xfeX", b"X", b"y").unwrap(), b"\xff\xfey");
    }
}
