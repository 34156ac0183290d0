//! What each tier offers.

/// What matters of a tier.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tier {
    pub(super) name: &'static str,
    /// Fewest and most units in one region.
    pub(super) units: (u32, u32),
    /// Availability zones.
    pub(super) zones: bool,
    /// Further regions.
    pub(super) regions: bool,
    /// Values of `virtualNetworkType` beside `None`.
    pub(super) networks: &'static [&'static str],
    /// Circuit breakers on backends.
    pub(super) breakers: bool,
}

/// The tiers. Units: Developer to Standard and the v2 tiers as in "Upgrade and scale" and "v2 tiers overview"; Premium's 31 and
/// Isolated's 1 to 31 are assumed. Zones, regions and networks: "Feature-based comparison of the tiers".
/// Circuit breakers: "Backends in API Management" (not on Consumption).
const TIERS: &[Tier] = &[
    Tier { name: "Consumption", units: (0, 0), zones: false, regions: false, networks: &[], breakers: false },
    Tier { name: "Developer", units: (1, 1), zones: false, regions: false, networks: &["External", "Internal"], breakers: true },
    Tier { name: "Basic", units: (1, 2), zones: false, regions: false, networks: &[], breakers: true },
    Tier { name: "Standard", units: (1, 4), zones: false, regions: false, networks: &[], breakers: true },
    Tier { name: "Premium", units: (1, 31), zones: true, regions: true, networks: &["External", "Internal"], breakers: true },
    Tier { name: "BasicV2", units: (1, 10), zones: false, regions: false, networks: &[], breakers: true },
    Tier { name: "StandardV2", units: (1, 10), zones: false, regions: false, networks: &["External"], breakers: true },
    Tier { name: "PremiumV2", units: (1, 30), zones: true, regions: false, networks: &["External", "Internal"], breakers: true },
    Tier { name: "Isolated", units: (1, 31), zones: true, regions: true, networks: &["External", "Internal"], breakers: true },
];

/// The tier of that name.
pub(super) fn find(name: &str) -> Option<&'static Tier> {
    TIERS.iter().find(|tier| tier.name == name)
}

/// The names of the tiers that have something.
pub(super) fn with(has: impl Fn(&Tier) -> bool) -> String {
    TIERS.iter().filter(|tier| has(tier)).map(|tier| format!("`{}`", tier.name)).collect::<Vec<_>>().join(", ")
}
