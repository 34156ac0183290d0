use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::support::random::SeededRandom;

fn members(weights: &[u32]) -> Vec<Member> {
    (0..)
        .zip(weights)
        .map(|(place, weight)| Member { backend: BackendIndex(place), priority: 1, weight: *weight, session: format!("s{place}").into() })
        .collect()
}

fn group(weights: &[u32]) -> Group {
    Group::new(1, members(weights), Arc::default())
}

fn shares(group: &Group, usable: u64, choice: WeightedChoice, turns: usize) -> HashMap<u32, usize> {
    let random = SeededRandom::new(11);
    let mut counts = HashMap::new();
    for _ in 0..turns {
        *counts.entry(group.take(usable, choice, &random).unwrap().backend.0).or_default() += 1;
    }
    counts
}

#[test]
fn equal_members_take_turns_and_the_first_is_first() {
    let group = group(&[1, 1, 1]);
    let random = SeededRandom::new(1);
    let turns: Vec<_> = (0..7).map(|_| group.take(0b111, WeightedChoice::Smooth, &random).unwrap().backend.0).collect();
    assert_eq!(turns, [0, 1, 2, 0, 1, 2, 0]);
    // Random choice is for weights; without them it is round robin (documented).
    assert_eq!(shares(&group, 0b111, WeightedChoice::Random, 300), HashMap::from([(0, 100), (1, 100), (2, 100)]));
}

#[test]
fn ten_thousand_turns_are_shared_exactly_by_workers() {
    let group = Arc::new(group(&[1, 1]));
    let counts: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4).map(|_| scope.spawn(|| shares(&group, 0b11, WeightedChoice::Smooth, 2_500))).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    for member in [0, 1] {
        assert_eq!(counts.iter().map(|count| count.get(&member).copied().unwrap_or_default()).sum::<usize>(), 5_000);
    }
}

#[test]
fn smooth_turns_do_not_come_in_bursts() {
    let random = SeededRandom::new(1);
    let group = group(&[5, 1, 1]);
    let turns: Vec<_> = (0..7).map(|_| group.take(0b111, WeightedChoice::Smooth, &random).unwrap().backend.0).collect();
    assert_eq!(turns, [0, 0, 1, 0, 2, 0, 0]);
}

#[test]
fn the_turns_of_a_tripped_member_are_shared_by_the_others() {
    let group = group(&[1, 1, 1]);
    assert_eq!(shares(&group, 0b101, WeightedChoice::Smooth, 300), HashMap::from([(0, 150), (2, 150)]));
    assert_eq!(shares(&group, 0b010, WeightedChoice::Smooth, 10), HashMap::from([(1, 10)]));
    assert!(group.take(0, WeightedChoice::Smooth, &SeededRandom::new(1)).is_none());
}

#[test]
fn a_weight_of_zero_is_served_only_when_nothing_else_is_left() {
    let group = group(&[0, 2, 0]);
    for choice in [WeightedChoice::Smooth, WeightedChoice::Random] {
        assert_eq!(shares(&group, 0b111, choice, 100), HashMap::from([(1, 100)]));
        let left = shares(&group, 0b101, choice, 1_000);
        assert_eq!(left.values().sum::<usize>(), 1_000);
        assert!(left.get(&0).is_some_and(|count| *count > 400) && left.get(&2).is_some_and(|count| *count > 400), "{left:?}");
    }
}

#[test]
fn turns_go_on_after_a_reload() {
    let turn = Arc::new(AtomicU64::new(0));
    let random = SeededRandom::new(1);
    let mut turns = Vec::new();
    for _ in 0..4 {
        let group = Group::new(1, members(&[1, 1, 1]), turn.clone());
        turns.push(group.take(0b111, WeightedChoice::Smooth, &random).unwrap().backend.0);
    }
    assert_eq!(turns, [0, 1, 2, 0]);
}

#[test]
fn groups_by_priority_the_lower_number_first() {
    let mut all = members(&[1, 1, 1, 1]);
    for (member, priority) in all.iter_mut().zip([2, 1, 2, 0]) {
        member.priority = priority;
    }
    let groups = Pool::grouped(all, |_| Arc::default());
    let shown: Vec<(u32, Vec<u32>)> =
        groups.iter().map(|group| (group.priority, group.members.iter().map(|member| member.backend.0).collect())).collect();
    assert_eq!(shown, [(0, vec![3]), (1, vec![1]), (2, vec![0, 2])]);
}

#[test]
fn cookies_are_found_by_their_whole_name() {
    let mut headers = HeaderMap::new();
    headers.append(COOKIE, HeaderValue::from_static("xSessionId=1; SessionIdx=2;SessionId = 3"));
    assert_eq!(cookie(&headers, "SessionId"), None);
    headers.append(COOKIE, HeaderValue::from_static("a=b; SessionId=4 ; SessionId=5"));
    assert_eq!(cookie(&headers, "SessionId"), Some(&b"4"[..]));
}

proptest! {
    #[test]
    fn shares_are_as_the_weights_say(weights in proptest::collection::vec(0_u32..=100, 1..30), down in any::<u64>()) {
        let group = group(&weights);
        let usable = !down & all(weights.len());
        let random = SeededRandom::new(3);
        let of = |place: u32| if usable & (1 << place) == 0 { 0 } else { u64::from(weights[place as usize]) };
        let total: u64 = (0..u32::try_from(weights.len()).unwrap()).map(of).sum();
        prop_assume!(total > 0);
        let mut counts = vec![0_u64; weights.len()];
        for _ in 0..10_000 {
            counts[group.take(usable, WeightedChoice::Smooth, &random).unwrap().backend.0 as usize] += 1;
        }
        for (place, count) in (0..).zip(&counts) {
            let wanted = 10_000.0 * of(place) as f64 / total as f64;
            prop_assert!((*count as f64 - wanted).abs() <= 100.0, "{} instead of {wanted}", count);
        }
    }
}
