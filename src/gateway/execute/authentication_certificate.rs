//! `authentication-certificate`: a client certificate towards the backend, named by thumbprint or id, or given as bytes (its page); also
//! inside `send-request`.

use std::sync::Arc;

use crate::gateway::backend::certificate::{ClientIdentity, UnreadableCertificate};
use crate::gateway::exchange::Exchange;
use crate::gateway::failure::Failure;
use crate::gateway::program::{Argument, Arguments, Compiler, Environment, Flow, Run, Statement};
use crate::policy::Element;

/// Which certificate.
#[derive(Debug)]
pub(super) enum Certificate {
    /// Known when the document was compiled.
    Known(Arc<ClientIdentity>),
    /// The document names what cannot be used; the reason is among its problems.
    Unusable,
}

impl Certificate {
    /// The certificate.
    ///
    /// # Errors
    /// It could not be read.
    pub(super) fn identity(&self, _arguments: &Arguments) -> Result<Arc<ClientIdentity>, Failure> {
        match self {
            Self::Known(identity) => Ok(identity.clone()),
            Self::Unusable => Err(Failure::internal("CertificateNotFound", "The client certificate cannot be used.")),
        }
    }
}

#[derive(Debug)]
struct AuthenticationCertificate(Certificate);

impl Statement for AuthenticationCertificate {
    fn run<'a>(&'a self, exchange: &'a mut Exchange, arguments: &mut Arguments) -> Run<'a> {
        Run::Done(self.0.identity(arguments).map(|identity| {
            exchange.forwarding.client_certificate = Some(identity);
            Flow::Next
        }))
    }
}

fn named(environment: &Environment, name: &str) -> Result<Arc<ClientIdentity>, String> {
    let stored = environment
        .certificates
        .get(name.trim().to_ascii_lowercase().as_str())
        .ok_or_else(|| format!("there is no certificate `{name}`"))?;
    stored.identity().map_err(|error: UnreadableCertificate| format!("the certificate `{name}` cannot be used: {error}"))
}

/// Reads `thumbprint`, `certificate-id`, or `body`.
pub(super) fn read(element: &Element, compiler: &mut Compiler<'_>) -> Certificate {
    let thumbprint = compiler.text(element, "thumbprint");
    let id = compiler.text(element, "certificate-id");
    if element.attribute("body").is_some() {
        compiler.problem(element, "the attribute `body` of `authentication-certificate` is known and not emulated".to_owned());
        return Certificate::Unusable;
    }
    match (thumbprint, id) {
        (Some(Argument::Literal(name)), None) | (None, Some(Argument::Literal(name))) => match named(compiler.environment(), &name) {
            Ok(identity) => Certificate::Known(identity),
            Err(problem) => {
                compiler.problem(element, problem);
                Certificate::Unusable
            }
        },
        (Some(Argument::Computed(_)), None) | (None, Some(Argument::Computed(_))) => {
            compiler.problem(
                element,
                "an expression that names the certificate of `authentication-certificate` is known and not emulated".to_owned(),
            );
            Certificate::Unusable
        }
        (Some(_), Some(_)) | (None, None) => {
            compiler
                .problem(element, "`authentication-certificate` takes `thumbprint`, `certificate-id` or `body`, one of them".to_owned());
            Certificate::Unusable
        }
    }
}

/// As a statement.
pub(super) fn compile(element: &Element, compiler: &mut Compiler<'_>) {
    let certificate = read(element, compiler);
    compiler.run(AuthenticationCertificate(certificate));
}
