//! Named values.

use super::{Compiler, hole, names, with_properties};
use crate::deploy::bodies;
use crate::deploy::resource::Template;

impl Compiler<'_> {
    pub(super) fn named_values(&mut self) {
        for (name, spec) in &self.spec.named_values {
            let secret = spec.secret.unwrap_or(spec.key_vault.is_some());
            let value = bodies::named_value(
                spec.display_name.as_deref().unwrap_or(name),
                spec.value.as_ref(),
                secret,
                spec.tags.as_deref().unwrap_or_default(),
                spec.key_vault.as_ref(),
            );
            let secrets = if secret { vec!["/properties/value".to_owned()] } else { Vec::new() };
            let mut holes = Vec::new();
            if spec.key_vault.as_ref().is_some_and(|reference| reference.identity_client_id.is_none())
                && let Some(source) = self.identity().and_then(|identity| identity.client_id(&self.service))
            {
                holes.push(hole("/properties/keyVault/identityClientId", &source.id, &source.pointer));
            }
            let body = with_properties(Template { value, holes, secrets }, &spec.properties);
            self.add(&names::pointer("namedValues", name), self.child("namedValues", name), body, Vec::new());
        }
    }
}
