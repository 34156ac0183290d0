//! Idle connections, by target. A worker's own: its lock is never waited for.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::client::conn::http2;

use super::connector::HttpVersion;
use super::wire::Connection;
use crate::gateway::body::Body;
use crate::support::clock::SharedClock;

/// What connections are kept apart by.
pub(super) type Key = (u64, HttpVersion);

/// How many idle connections are kept, and how long.
#[derive(Debug, Clone, Copy)]
pub struct PoolLimits {
    /// Idle connections for each target and worker; the longest unused goes first.
    pub idle_per_target: usize,
    /// How long an idle connection is kept. Shorter than a backend's own limit, so that fewer are found dead.
    pub idle_time: Duration,
}

impl Default for PoolLimits {
    /// 256 connections, 90 seconds. (Azure's load balancers drop idle connections after 4 minutes.)
    fn default() -> Self {
        Self { idle_per_target: 256, idle_time: Duration::from_secs(90) }
    }
}

/// The idle connections of one worker.
pub(super) struct Pool {
    slots: Mutex<Slots>,
    limits: PoolLimits,
    clock: SharedClock,
    /// A task looks after what grows old; there is one only while there is something to look after.
    sweeping: AtomicBool,
}

type Slots = HashMap<Key, Slot, BuildHasherDefault<KeyHasher>>;

#[derive(Default)]
struct Slot {
    /// The last one put back is the first one taken: the others may grow old.
    #[expect(clippy::vec_box, reason = "a connection moves between pool, call and body as one word")]
    idle: Vec<Box<Connection>>,
    /// One connection serves every call over HTTP/2.
    http2: Option<http2::SendRequest<Body>>,
}

impl Pool {
    pub(super) fn new(limits: PoolLimits, clock: SharedClock) -> Arc<Self> {
        Arc::new(Self { slots: Mutex::default(), limits, clock, sweeping: AtomicBool::new(false) })
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        // Nothing that runs under the lock can leave it half done.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An idle connection that is neither too old nor closed.
    pub(super) fn take(&self, key: Key) -> Option<Box<Connection>> {
        let now = self.clock.now();
        loop {
            // Dropping a connection closes a socket: not under the lock.
            let mut connection = self.slots().get_mut(&key)?.idle.pop()?;
            if connection.expires.is_some_and(|expires| expires > now) && !connection.is_stale() {
                return Some(connection);
            }
        }
    }

    /// Keeps a connection for the next call.
    pub(super) fn put(self: &Arc<Self>, mut connection: Box<Connection>) {
        connection.expires = Some(self.clock.now() + self.limits.idle_time);
        let surplus = {
            let mut slots = self.slots();
            let idle = &mut slots.entry(connection.key()).or_default().idle;
            idle.push(connection);
            if idle.len() > self.limits.idle_per_target { Some(idle.remove(0)) } else { None }
        };
        drop(surplus);
        if !self.sweeping.load(Ordering::Relaxed) && !self.sweeping.swap(true, Ordering::AcqRel) {
            self.start_sweeping();
        }
    }

    /// Closes what has grown old, every half of the idle time, for as long as there is anything.
    fn start_sweeping(self: &Arc<Self>) {
        let pool = Arc::downgrade(self);
        let (clock, pause) = (self.clock.clone(), self.limits.idle_time / 2);
        tokio::spawn(async move {
            loop {
                clock.sleep(pause).await;
                let Some(pool) = pool.upgrade() else { return };
                if pool.sweep() == 0 {
                    pool.sweeping.store(false, Ordering::Release);
                    return;
                }
            }
        });
    }

    /// The HTTP/2 connection of a target, if it stands.
    pub(super) fn http2(&self, key: Key) -> Option<http2::SendRequest<Body>> {
        let mut slots = self.slots();
        let slot = slots.get_mut(&key)?;
        if slot.http2.as_ref().is_some_and(|sender| sender.is_closed()) {
            slot.http2 = None;
        }
        slot.http2.clone()
    }

    /// Keeps an HTTP/2 connection for further calls.
    pub(super) fn put_http2(&self, key: Key, sender: http2::SendRequest<Body>) {
        self.slots().entry(key).or_default().http2 = Some(sender);
    }

    /// Closes what has been idle too long, and forgets targets without connections. Returns how many are left.
    pub(super) fn sweep(&self) -> usize {
        let now = self.clock.now();
        let mut gone = Vec::new();
        let mut left = 0;
        {
            let mut slots = self.slots();
            slots.retain(|_, slot| {
                // Oldest first, so the expired ones are at the front; closed ones may be anywhere.
                for mut connection in std::mem::take(&mut slot.idle) {
                    if connection.expires.is_none_or(|expires| expires <= now) || connection.is_stale() {
                        gone.push(connection);
                    } else {
                        slot.idle.push(connection);
                    }
                }
                if slot.http2.as_ref().is_some_and(|sender| sender.is_closed()) {
                    slot.http2 = None;
                }
                left += slot.idle.len() + usize::from(slot.http2.is_some());
                !slot.idle.is_empty() || slot.http2.is_some()
            });
        }
        drop(gone);
        left
    }

    /// Idle HTTP/1.1 connections at hand.
    pub(super) fn idle(&self) -> usize {
        self.slots().values().map(|slot| slot.idle.len()).sum()
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Pool").field("idle", &self.idle()).finish_non_exhaustive()
    }
}

/// The keys are small numbers of our own, counted up: they need no defence against chosen collisions.
#[derive(Default)]
struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn write_isize(&mut self, word: isize) {
        self.write_u64(word.unsigned_abs() as u64);
    }
}
