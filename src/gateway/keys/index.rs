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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arm::ResourceId;
    use crate::gateway::snapshot::SubscriptionScope;

    fn subscription(number: usize) -> Subscription {
        let key = |kind: &str| Secret::new(format!("{kind}-{number}"));
        Subscription {
            id: ResourceId::subscription("s"),
            name: format!("s{number}"),
            display_name: String::new(),
            active: true,
            scope: SubscriptionScope::AllApis,
            master: false,
            primary_key: key("primary"),
            secondary_key: key("secondary"),
            owner: None,
            allow_tracing: false,
            created: None,
            start: None,
            end: None,
        }
    }

    /// A look-up compares the keys of one bucket, so the largest bucket is what it may cost.
    #[test]
    fn a_hundred_thousand_keys_are_no_more_work_than_two() {
        let subscriptions: Vec<_> = (0..50_000).map(subscription).collect();
        let index = KeyIndex::of(&subscriptions);
        let largest = index.keys.values().map(Vec::len).max().unwrap();
        assert!(largest <= 2, "{largest} keys in one bucket");
        assert_eq!(index.find(b"secondary-41234").collect::<Vec<_>>(), [(SubscriptionIndex(41_234), true)]);
        assert_eq!(index.find(b"secondary-50000").count(), 0);
    }
}
