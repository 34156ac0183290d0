//! Keys by hash.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};

use aws_lc_rs::constant_time::verify_slices_are_equal;

use crate::gateway::snapshot::{Subscription, SubscriptionIndex};
use crate::support::secret::Secret;

/// Every key of every subscription. What a look-up takes does not depend on how many there are, nor on how much of a key was guessed
/// right: the hash is keyed anew for each index, and keys are compared in constant time.
#[derive(Debug, Default)]
pub struct KeyIndex {
    hasher: RandomState,
    keys: HashMap<u64, Vec<Key>>,
}

#[derive(Debug)]
struct Key {
    value: Secret<Box<[u8]>>,
    subscription: SubscriptionIndex,
    secondary: bool,
}

impl KeyIndex {
    /// The keys of `subscriptions`, whose places are their indexes.
    #[must_use]
    pub fn of(subscriptions: &[Subscription]) -> Self {
        let mut index = Self::default();
        for (place, subscription) in (0..).zip(subscriptions) {
            for (key, secondary) in [(&subscription.primary_key, false), (&subscription.secondary_key, true)] {
                // Nobody may come in with an empty key.
                if !key.expose().is_empty() {
                    let value = Secret::new(Box::from(key.expose().as_bytes()));
                    let hash = index.hasher.hash_one(key.expose().as_bytes());
                    index.keys.entry(hash).or_default().push(Key { value, subscription: SubscriptionIndex(place), secondary });
                }
            }
        }
        index
    }

    /// The subscriptions that have this key, and whether it is their secondary one. The service keeps keys unique; a store may not.
    pub fn find(&self, key: &[u8]) -> impl Iterator<Item = (SubscriptionIndex, bool)> {
        let same = self.keys.get(&self.hasher.hash_one(key)).map(Vec::as_slice).unwrap_or_default();
        same.iter().filter(move |own| verify_slices_are_equal(own.value.expose(), key).is_ok()).map(|own| (own.subscription, own.secondary))
    }
}
