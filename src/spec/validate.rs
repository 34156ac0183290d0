//! What the structure alone cannot say: names, references, and what the service refuses.

use super::Spec;
use super::check::Checked;
use super::load::Loaded;

/// Applies every rule; findings go to `loaded`.
pub(super) fn all(spec: &Spec, checked: &Checked, loaded: &mut Loaded) {
    let _ = (spec, checked, loaded);
}
