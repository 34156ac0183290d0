//! Programs that are there for one member: they call it and show what came of it.

use std::collections::BTreeMap;

use super::super::catalogue::Passing;
use super::{Generator, Ty, is_delegate};

impl Generator<'_> {
    /// A program that is there for one member: it calls it and shows what came of it.
    pub fn about(&mut self, index: usize) -> Option<String> {
        self.scope.clear();
        self.names = 0;
        self.budget = 3;
        let table = self.table;
        let member = &table.members[index];
        let owner = &table.types[member.owner];
        let mut bound = BTreeMap::new();
        self.bind_rest(member, &mut bound);
        let holder = owner.ty().substitute(&bound);
        if member.writable && self.chance(50) && !member.is_static {
            let (receiver, value) = (self.value(&holder, 0)?, self.value(&member.result.substitute(&bound), 0)?);
            let place =
                if member.kind == 'i' { format!("r[{}]", self.arguments(index, &bound, 0, 0)?) } else { format!("r.{}", member.name) };
            return Some(format!("@{{ var r = {receiver}; {place} = {value}; return new object[] {{ r, {place} }}; }}"));
        }
        let result = member.result.substitute(&bound);
        let effects = result.name() == "void"
            || member.kind == 'm'
                && !member.is_static
                && !member.extension
                && matches!(
                    owner.name.as_str(),
                    "List"
                        | "HashSet"
                        | "Queue"
                        | "Stack"
                        | "Dictionary"
                        | "StringBuilder"
                        | "ISet"
                        | "ICollection"
                        | "IList"
                        | "IDictionary"
                )
            || member.parameters.iter().any(|parameter| {
                matches!(parameter.ty.name(), "[]" | "Array")
                    && matches!(
                        member.name.as_str(),
                        "CopyTo" | "Copy" | "Sort" | "Reverse" | "Clear" | "GetBytes" | "GetChars" | "NextBytes" | "TransformBlock"
                    )
            });
        if member.parameters.iter().any(|parameter| parameter.passing == Passing::Out) || effects {
            // Receiver and arguments as variables, all of them shown afterwards.
            let mut body = String::new();
            let mut shown = Vec::new();
            let mut list = Vec::new();
            let called = if member.is_static && !member.extension || member.kind == 'c' {
                holder.to_string()
            } else if member.extension {
                String::new()
            } else {
                body.push_str(&format!("var r = {}; ", self.value(&holder, 0)?));
                shown.push("r".to_owned());
                "r".to_owned()
            };
            for (position, parameter) in member.parameters.iter().enumerate() {
                let ty = parameter.ty.substitute(&bound);
                if parameter.passing == Passing::Out {
                    list.push(format!("out var o{position}"));
                    shown.push(format!("o{position}"));
                } else if is_delegate(&ty) {
                    list.push(self.argument(&owner.name, &member.name, &parameter.name, &ty, 0)?);
                } else if parameter.passing == Passing::Params && self.chance(50) {
                    list.push(self.argument(&owner.name, &member.name, &parameter.name, &ty.arguments()[0], 0)?);
                } else {
                    let value = self.argument(&owner.name, &member.name, &parameter.name, &ty, 0)?;
                    body.push_str(&format!("var a{position} = {value}; "));
                    list.push(format!("a{position}"));
                    shown.push(format!("a{position}"));
                }
            }
            if !bound.values().all(|ty| self.speakable(ty)) || owner.parameters.len() > 7 {
                return None;
            }
            let explicit = self.explicit(member, &bound);
            let call = if member.extension {
                let first = list.remove(0);
                format!("{first}.{}{explicit}({})", member.name, list.join(", "))
            } else {
                format!("{called}.{}{explicit}({})", member.name, list.join(", "))
            };
            if result.name() == "void" {
                body.push_str(&format!("{call}; "));
            } else {
                body.push_str(&format!("var x = {call}; "));
                shown.insert(0, self.observed(&result, "x".to_owned())?);
            }
            return Some(format!("@{{ {body}return new object[] {{ {} }}; }}", shown.join(", ")));
        }
        let text = self.access(index, bound, 1)?;
        let text = if text.starts_with("new ") { format!("({text})") } else { text };
        Some(format!("@({})", self.observed(&result, text)?))
    }

    /// The value itself where it shows what it is, else what one of its members says.
    pub(super) fn observed(&mut self, ty: &Ty, text: String) -> Option<String> {
        let opaque = match ty.name() {
            "Encoding" => format!("{text}.GetBytes(\"aä€\")"),
            "Random" => format!("{text}.Next(1000)"),
            "HashAlgorithm" | "MD5" | "SHA1" | "SHA256" | "SHA384" | "SHA512" | "SHA1Managed" | "SHA256Managed" | "SHA384Managed"
            | "SHA512Managed" | "HMAC" | "HMACMD5" | "HMACSHA1" | "HMACSHA256" | "HMACSHA384" | "HMACSHA512" | "KeyedHashAlgorithm" => {
                format!("{text}.ComputeHash(new byte[] {{ 1, 2, 3 }})")
            }
            "StringComparer" => format!("{text}.Compare(\"a\", \"B\")"),
            "Exception" => format!("{text}.Message"),
            "IRequest" => format!("{text}.Method"),
            "IResponse" => format!("{text}.StatusCode"),
            "IMessageBody" => format!("{text}.As<string>(true)"),
            "ISubscription" | "IUser" | "IProduct" | "IContextApi" | "IApi" | "IOperation" | "IGroup" => format!("{text}.Id"),
            "IDeployment" => format!("{text}.Region"),
            "ILastError" => format!("{text}.Source"),
            "Jwt" => format!("{text}.Subject"),
            "BasicAuthCredentials" => format!("{text}.UserId"),
            "StringReader" => format!("{text}.ReadToEnd()"),
            "IEnumerator" => format!("{text}.MoveNext()"),
            _ => text,
        };
        Some(opaque)
    }
}
