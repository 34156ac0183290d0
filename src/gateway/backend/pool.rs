//! Load-balanced pools: priority groups, turns within a group, session affinity.
//!
//! Documented: round robin by default, weights within a priority, the lower number first, and the next group only when every member of
//! the better one is tripped. Not documented: the start, the way of choosing by weight, defaults (assumed: the first member listed,
//! priority 0, weight 1).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use http::StatusCode;
use http::header::{COOKIE, HeaderMap, HeaderValue};
use tokio::time::Instant;

use super::Kind;
use crate::gateway::settings::WeightedChoice;
use crate::gateway::snapshot::{BackendIndex, Snapshot};
use crate::support::random::Random;

/// Most members of one priority group: one bit each. (The service takes 30 in all.)
pub const MOST_MEMBERS: usize = 64;
/// Longest period of a weighted turn; weights go to 100 and members to 30.
const LONGEST_PERIOD: u64 = 6_400;

/// A load-balanced pool.
#[derive(Debug)]
pub struct Pool {
    /// Its name.
    pub name: Box<str>,
    /// Members by priority, the best first.
    pub groups: Vec<Group>,
    /// Whether a session stays at one member.
    pub affinity: Option<Affinity>,
    /// `failureResponse.statusCode`: instead of 503 when every member is tripped.
    pub failure_status: Option<StatusCode>,
}

/// Members of one priority.
#[derive(Debug)]
pub struct Group {
    /// Lower is served first.
    pub priority: u32,
    /// In the order of the resource.
    pub members: Box<[Member]>,
    /// Whether weights differ.
    weighted: bool,
    /// Turns taken; shared by all workers and kept over reloads.
    turn: Arc<AtomicU64>,
    order: ArcSwap<Order>,
}

/// A member of a pool.
#[derive(Debug, Clone)]
pub struct Member {
    /// The backend.
    pub backend: BackendIndex,
    /// Lower is served first.
    pub priority: u32,
    /// Share within the priority.
    pub weight: u32,
    /// What a session cookie names it.
    pub session: Box<str>,
}

/// `sessionAffinity.sessionId`.
#[derive(Debug, Clone)]
pub struct Affinity {
    /// Name of the cookie.
    pub cookie: Box<str>,
}

/// The turns among those members that can be used.
#[derive(Debug)]
struct Order {
    usable: u64,
    /// Places of members; one period.
    sequence: Box<[u8]>,
}

/// A member was chosen.
#[derive(Debug)]
pub struct Choice {
    /// Which.
    pub backend: BackendIndex,
    /// `Set-Cookie` of a session that starts here.
    pub cookie: Option<HeaderValue>,
}

/// Every member is tripped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exhausted {
    /// When the first comes back.
    pub until: Option<Instant>,
}

impl Group {
    /// Members of one priority, in the order of the resource; at most [`MOST_MEMBERS`].
    #[must_use]
    pub fn new(priority: u32, members: Vec<Member>, turn: Arc<AtomicU64>) -> Self {
        let weighted = members.windows(2).any(|two| two.first().map(|one| one.weight) != two.last().map(|one| one.weight));
        let members = members.into_boxed_slice();
        let order = ArcSwap::from_pointee(Order::new(&members, all(members.len())));
        Self { priority, members, weighted, turn, order }
    }

    /// A usable member, if there is one: `usable` has a bit for each.
    fn take(&self, usable: u64, choice: WeightedChoice, random: &dyn Random) -> Option<&Member> {
        if usable == 0 {
            return None;
        }
        if self.weighted && choice == WeightedChoice::Random {
            return self.draw(usable, random);
        }
        let order = self.order.load();
        if order.usable == usable {
            return self.next(&order);
        }
        drop(order);
        let order = Arc::new(Order::new(&self.members, usable));
        self.order.store(order.clone());
        self.next(&order)
    }

    fn next(&self, order: &Order) -> Option<&Member> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let place = usize::try_from(turn % (order.sequence.len().max(1) as u64)).unwrap_or_default();
        self.members.get(usize::from(*order.sequence.get(place)?))
    }

    fn draw(&self, usable: u64, random: &dyn Random) -> Option<&Member> {
        let candidates = || self.members.iter().enumerate().filter(|(place, _)| usable & (1 << place) != 0).map(|(_, member)| member);
        let total: u64 = candidates().map(|member| u64::from(member.weight)).sum();
        let mut bytes = [0; 8];
        random.fill(&mut bytes);
        let drawn = u64::from_le_bytes(bytes);
        if total == 0 {
            let count = candidates().count() as u64;
            return candidates().nth(usize::try_from(drawn % count.max(1)).unwrap_or_default());
        }
        let mut left = drawn % total;
        candidates().find(|member| {
            let weight = u64::from(member.weight);
            if left < weight {
                return true;
            }
            left -= weight;
            false
        })
    }
}

const fn all(members: usize) -> u64 {
    if members >= 64 { u64::MAX } else { (1 << members) - 1 }
}

impl Order {
    /// One period of smooth weighted round robin: the member with the most credit goes next and pays for all. With equal weights this is
    /// the order of the resource. A weight of 0 is served only when no other member is left (assumed).
    fn new(members: &[Member], usable: u64) -> Self {
        let mut shares: Vec<(u8, i64)> = members
            .iter()
            .take(MOST_MEMBERS)
            .zip(0_u8..)
            .filter(|(_, place)| usable & (1 << place) != 0)
            .map(|(member, place)| (place, i64::from(member.weight)))
            .collect();
        if shares.iter().all(|(_, weight)| *weight == 0) {
            shares.iter_mut().for_each(|(_, weight)| *weight = 1);
        }
        shares.retain(|(_, weight)| *weight > 0);
        let divisor = shares.iter().fold(0, |divisor, (_, weight)| greatest_common_divisor(divisor, *weight)).max(1);
        let total: i64 = shares.iter().map(|(_, weight)| weight / divisor).sum();
        let period = u64::try_from(total).unwrap_or_default().min(LONGEST_PERIOD);
        let mut credit = vec![0_i64; shares.len()];
        let mut sequence = Vec::with_capacity(usize::try_from(period).unwrap_or_default());
        for _ in 0..period {
            let mut best: Option<(usize, i64)> = None;
            for (place, (own, (_, weight))) in credit.iter_mut().zip(&shares).enumerate() {
                *own += weight / divisor;
                if best.is_none_or(|(_, most)| *own > most) {
                    best = Some((place, *own));
                }
            }
            if let Some((place, _)) = best
                && let (Some(own), Some((member, _))) = (credit.get_mut(place), shares.get(place))
            {
                *own -= total;
                sequence.push(*member);
            }
        }
        Self { usable, sequence: sequence.into_boxed_slice() }
    }
}

const fn greatest_common_divisor(left: i64, right: i64) -> i64 {
    let (mut left, mut right) = (left, right);
    while right != 0 {
        (left, right) = (right, left % right);
    }
    left
}

impl Pool {
    /// The members by priority; members of one priority keep their order.
    pub fn grouped(members: Vec<Member>, turn: impl Fn(u32) -> Arc<AtomicU64>) -> Vec<Group> {
        let mut priorities: Vec<u32> = members.iter().map(|member| member.priority).collect();
        priorities.sort_unstable();
        priorities.dedup();
        priorities
            .into_iter()
            .map(|priority| {
                let own = members.iter().filter(|member| member.priority == priority).cloned().collect();
                Group::new(priority, own, turn(priority))
            })
            .collect()
    }

    /// All members, the best priority first.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.groups.iter().flat_map(|group| &group.members)
    }

    /// The member that serves the next request.
    ///
    /// # Errors
    /// Every member is tripped.
    pub fn choose(
        &self,
        snapshot: &Snapshot,
        request: &HeaderMap,
        choice: WeightedChoice,
        random: &dyn Random,
    ) -> Result<Choice, Exhausted> {
        if let Some(affinity) = &self.affinity
            && let Some(session) = cookie(request, &affinity.cookie)
            && let Some(member) = self.members().find(|member| member.session.as_bytes() == session)
            && tripped(snapshot, member.backend).is_none()
        {
            // A session stays where it is while that member is not tripped, whatever its priority (assumed).
            return Ok(Choice { backend: member.backend, cookie: None });
        }
        let mut first_back: Option<Instant> = None;
        for group in &self.groups {
            let mut usable = 0_u64;
            for (place, member) in group.members.iter().enumerate() {
                match tripped(snapshot, member.backend) {
                    None => usable |= 1 << place,
                    Some(until) => first_back = Some(first_back.map_or(until, |first| first.min(until))),
                }
            }
            if let Some(member) = group.take(usable, choice, random) {
                let cookie = self.affinity.as_ref().and_then(|affinity| affinity.set_cookie(member));
                return Ok(Choice { backend: member.backend, cookie });
            }
        }
        Err(Exhausted { until: first_back })
    }
}

fn tripped(snapshot: &Snapshot, backend: BackendIndex) -> Option<Instant> {
    match &snapshot.backend(backend)?.kind {
        Kind::Single(single) => single.breaker.tripped(),
        // Chosen, such a member tells what is wrong with it.
        Kind::Pool(_) | Kind::Unusable(_) => None,
    }
}

impl Affinity {
    /// What the cookie looks like is not documented; an opaque name of the member for the whole gateway, for this browser session
    /// (assumed).
    fn set_cookie(&self, member: &Member) -> Option<HeaderValue> {
        HeaderValue::try_from(format!("{}={}; path=/; HttpOnly", self.cookie, member.session)).ok()
    }
}

/// The value of a cookie.
fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    headers.get_all(COOKIE).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b';')).find_map(|pair| {
        let pair = pair.trim_ascii();
        let rest = pair.strip_prefix(name.as_bytes())?;
        rest.strip_prefix(b"=").map(<[u8]>::trim_ascii)
    })
}

#[cfg(test)]
mod tests;
