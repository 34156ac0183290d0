//! `ip-filter`: lets callers through, or keeps them out, by address (its page).

use std::net::IpAddr;

use http::StatusCode;

use crate::gateway::exchange::Exchange;
use crate::gateway::failure::Failure;
use crate::gateway::program::{Argument, Arguments, Compiler, Flow, Run, Statement};
use crate::policy::Element;

/// An address: read when the document is compiled if it is literal.
#[derive(Debug, Clone)]
enum Address {
    Known(IpAddr),
    Computed(Argument<Box<str>>),
}

impl Address {
    fn read(argument: Argument<Box<str>>, element: &Element, compiler: &mut Compiler<'_>) -> Self {
        match argument {
            Argument::Literal(text) => match parse(&text) {
                Some(address) => Self::Known(address),
                None => {
                    compiler.problem(element, format!("`{text}` is no IP address"));
                    Self::Computed(Argument::Literal(text))
                }
            },
            computed @ Argument::Computed(_) => Self::Computed(computed),
        }
    }

    fn get(&self, arguments: &Arguments) -> Result<IpAddr, Failure> {
        match self {
            Self::Known(address) => Ok(*address),
            Self::Computed(argument) => {
                let text = arguments.text(argument);
                parse(text).ok_or_else(|| Failure::internal("IpAddressInvalid", format!("`{text}` is no IP address")))
            }
        }
    }
}

/// IPv4 addresses that are written as IPv6 count as what they are.
fn parse(text: &str) -> Option<IpAddr> {
    text.trim().parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

#[derive(Debug)]
struct IpFilter {
    action: Argument<Box<str>>,
    /// Both ends belong to the range; a single address is a range of one.
    ranges: Vec<(Address, Address)>,
}

impl IpFilter {
    fn check(&self, caller: IpAddr, arguments: &Arguments) -> Result<(), Failure> {
        let mut found = false;
        for (from, to) in &self.ranges {
            let (from, to) = (from.get(arguments)?, to.get(arguments)?);
            // `IpAddr` puts every IPv4 address before every IPv6 one, so families have to be told apart.
            found |= from.is_ipv4() == caller.is_ipv4() && to.is_ipv4() == caller.is_ipv4() && (from..=to).contains(&caller);
        }
        // Reasons and messages: error handling page. What the caller sees: Microsoft's toolkit.
        let refused = |reason, message: String| Err(Failure::refused(reason, StatusCode::FORBIDDEN, message).answering("Forbidden"));
        let action = arguments.text(&self.action).trim();
        if action.eq_ignore_ascii_case("allow") {
            if found { Ok(()) } else { refused("CallerIpNotAllowed", format!("Caller IP address {caller} is not allowed. Access denied.")) }
        } else if action.eq_ignore_ascii_case("forbid") {
            if found { refused("CallerIpBlocked", "Caller IP address is blocked. Access denied.".to_owned()) } else { Ok(()) }
        } else {
            Err(Failure::internal("FilterActionInvalid", format!("action of ip-filter cannot be `{action}`")))
        }
    }
}

impl Statement for IpFilter {
    fn run<'a>(&'a self, exchange: &'a mut Exchange, arguments: &mut Arguments) -> Run<'a> {
        Run::Done(self.check(exchange.peer.address.ip().to_canonical(), arguments).map(|()| Flow::Next))
    }
}

/// `<ip-filter action="allow|forbid"><address>…</address><address-range from="…" to="…" /></ip-filter>`.
pub(super) fn compile(element: &Element, compiler: &mut Compiler<'_>) {
    let action = compiler.required_text(element, "action");
    if let Argument::Literal(text) = &action
        && !["allow", "forbid"].iter().any(|known| known.eq_ignore_ascii_case(text.trim()))
    {
        compiler.problem(element, format!("the attribute `action` of `ip-filter` cannot be `{text}`"));
    }
    let mut ranges = Vec::new();
    for child in element.elements() {
        match child.name.as_str() {
            "address" => {
                let argument = compiler.content(child);
                let address = Address::read(argument, child, compiler);
                ranges.push((address.clone(), address));
            }
            "address-range" => {
                let (from, to) = (compiler.required_text(child, "from"), compiler.required_text(child, "to"));
                ranges.push((Address::read(from, child, compiler), Address::read(to, child, compiler)));
            }
            other => compiler.problem(child, format!("`ip-filter` takes `address` and `address-range`, not `{other}`")),
        }
    }
    compiler.run(IpFilter { action, ranges });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(action: &str, ranges: &[(&str, &str)]) -> IpFilter {
        IpFilter {
            action: Argument::Literal(Box::from(action)),
            ranges: ranges.iter().map(|(from, to)| (Address::Known(parse(from).unwrap()), Address::Known(parse(to).unwrap()))).collect(),
        }
    }

    fn reason(filter: &IpFilter, caller: &str) -> Option<String> {
        filter.check(parse(caller).unwrap(), &Arguments::default()).err().map(|failure| failure.reason.into_owned())
    }

    #[test]
    fn ranges_hold_both_ends_and_families_do_not_mix() {
        let allow = filter("allow", &[("13.66.140.128", "13.66.140.143"), ("2001:db8::1", "2001:db8::ff")]);
        for good in ["13.66.140.128", "13.66.140.143", "::ffff:13.66.140.130", "2001:db8::1f"] {
            assert_eq!(reason(&allow, good), None, "{good}");
        }
        for bad in ["13.66.140.127", "13.66.140.144", "2001:db8::100", "::1"] {
            assert_eq!(reason(&allow, bad).as_deref(), Some("CallerIpNotAllowed"), "{bad}");
        }
        let forbid = filter("Forbid", &[("0.0.0.0", "255.255.255.255")]);
        assert_eq!(reason(&forbid, "1.2.3.4").as_deref(), Some("CallerIpBlocked"));
        assert_eq!(reason(&forbid, "::1"), None);
    }
}
