//! `TimeZoneInfo` and `TimeZone`: UTC, which is also the local zone of a gateway, and zones of a fixed offset that a policy makes. The zones of a
//! machine, with their history of daylight saving time, are not there: looking for one says so.

use super::basics::hash_code;
use super::{Args, Machine, Members, Outcome};
use crate::expression::heap::Object;
use crate::expression::text::Text;
use crate::expression::types;
use crate::expression::value::{DateTime, DateTimeOffset, Value};

const MINUTE: i64 = 600_000_000;

pub(super) const MEMBERS: Members = &[
    ("TimeZoneInfo.Utc", |m, _| Ok(utc(m))),
    ("TimeZoneInfo.Local", |m, _| Ok(utc(m))),
    ("TimeZoneInfo.FindSystemTimeZoneById", |m, a| {
        let id = m.string(a, 0, "id")?;
        system(m, &id.to_str())
    }),
    ("TimeZoneInfo.TryFindSystemTimeZoneById", |m, a| {
        let id = m.string(a, 0, "id")?;
        let found = is_utc(&id.to_str());
        if !found && is_real(&id.to_str()) {
            return system(m, &id.to_str());
        }
        let zone = if found { utc(m) } else { Value::Null };
        m.set_cell(a.get(1), zone);
        Ok(Value::Boolean(found))
    }),
    ("TimeZoneInfo.ClearCachedData()", |_, _| Ok(Value::Null)),
    ("TimeZoneInfo.CreateCustomTimeZone(string,TimeSpan,string,string)", |m, a| custom(m, a)),
    ("TimeZoneInfo.Id", |m, a| field(m, a.get(0), 0)),
    ("TimeZoneInfo.HasIanaId", |m, a| {
        let id = field(m, a.get(0), 0)?;
        Ok(Value::Boolean(matches!(id, Value::Text(id) if is_utc(&id.to_str()))))
    }),
    ("TimeZoneInfo.BaseUtcOffset", |m, a| field(m, a.get(0), 1)),
    ("TimeZoneInfo.DisplayName", |m, a| field(m, a.get(0), 2)),
    ("TimeZoneInfo.StandardName", |m, a| field(m, a.get(0), 3)),
    ("TimeZoneInfo.DaylightName", |m, a| field(m, a.get(0), 3)),
    ("TimeZoneInfo.ToString()", |m, a| field(m, a.get(0), 2)),
    ("TimeZoneInfo.SupportsDaylightSavingTime", |m, a| field(m, a.get(0), 0).map(|_| Value::Boolean(false))),
    ("TimeZoneInfo.GetUtcOffset", |m, a| field(m, a.get(0), 1)),
    ("TimeZoneInfo.IsDaylightSavingTime", |m, a| field(m, a.get(0), 0).map(|_| Value::Boolean(false))),
    ("TimeZoneInfo.IsAmbiguousTime", |m, a| field(m, a.get(0), 0).map(|_| Value::Boolean(false))),
    ("TimeZoneInfo.IsInvalidTime", |m, a| field(m, a.get(0), 0).map(|_| Value::Boolean(false))),
    ("TimeZoneInfo.GetAdjustmentRules()", |m, a| {
        field(m, a.get(0), 0)?;
        m.array(types::named("AdjustmentRule"), Vec::new())
    }),
    ("TimeZoneInfo.GetAmbiguousTimeOffsets", |m, _| {
        Err(m.throw("ArgumentException", "The supplied DateTime is not in an ambiguous time range.\nParameter name: dateTime"))
    }),
    ("TimeZoneInfo.HasSameRules", |m, a| {
        if a.get(1).is_null() {
            return Err(m.argument_null("other"));
        }
        let (one, two) = (field(m, a.get(0), 1)?, field(m, a.get(1), 1)?);
        Ok(Value::Boolean(one.integer() == two.integer()))
    }),
    ("TimeZoneInfo.Equals", |m, a| {
        let id = field(m, a.get(0), 0)?;
        let other = match a.get(1) {
            other @ Value::Object(_) if m.heap.type_of(other).is("TimeZoneInfo") => other.clone(),
            _ => return Ok(Value::Boolean(false)),
        };
        let (other_id, one, two) = (field(m, &other, 0)?, field(m, a.get(0), 1)?, field(m, &other, 1)?);
        Ok(Value::Boolean(super::equals(m, &id, &other_id)? && one.integer() == two.integer()))
    }),
    ("TimeZoneInfo.GetHashCode()", |m, a| {
        let id = field(m, a.get(0), 0)?;
        hash_code(m, Args { values: &[id], types: &[] })
    }),
    ("TimeZoneInfo.ConvertTime(DateTime,TimeZoneInfo)", |m, a| {
        let source = utc(m);
        convert(m, a.get(0), &source, a.get(1), "destinationTimeZone")
    }),
    ("TimeZoneInfo.ConvertTime(DateTime,TimeZoneInfo,TimeZoneInfo)", |m, a| {
        convert(m, a.get(0), a.get(1), a.get(2), "destinationTimeZone")
    }),
    ("TimeZoneInfo.ConvertTime(DateTimeOffset,TimeZoneInfo)", |m, a| convert_offset(m, a.get(0), a.get(1))),
    ("TimeZoneInfo.ConvertTimeFromUtc", |m, a| {
        let source = utc(m);
        if matches!(a.get(0), Value::DateTime(date) if date.kind == 2) {
            return Err(wrong_kind(m));
        }
        convert(m, a.get(0), &source, a.get(1), "destinationTimeZone")
    }),
    ("TimeZoneInfo.ConvertTimeToUtc(DateTime)", |m, a| {
        let zone = utc(m);
        convert(m, a.get(0), &zone, &zone, "destinationTimeZone")
    }),
    ("TimeZoneInfo.ConvertTimeToUtc(DateTime,TimeZoneInfo)", |m, a| {
        let zone = utc(m);
        convert(m, a.get(0), a.get(1), &zone, "sourceTimeZone")
    }),
    ("TimeZoneInfo.ConvertTimeBySystemTimeZoneId(DateTime,string)", |m, a| {
        let id = m.string(a, 1, "id")?;
        let (source, target) = (utc(m), system(m, &id.to_str())?);
        convert(m, a.get(0), &source, &target, "destinationTimeZone")
    }),
    ("TimeZoneInfo.ConvertTimeBySystemTimeZoneId(DateTime,string,string)", |m, a| {
        let (source, target) = (m.string(a, 1, "id")?, m.string(a, 2, "id")?);
        let (source, target) = (system(m, &source.to_str())?, system(m, &target.to_str())?);
        convert(m, a.get(0), &source, &target, "destinationTimeZone")
    }),
    ("TimeZoneInfo.ConvertTimeBySystemTimeZoneId(DateTimeOffset,string)", |m, a| {
        let id = m.string(a, 1, "id")?;
        let target = system(m, &id.to_str())?;
        convert_offset(m, a.get(0), &target)
    }),
    ("TimeZone.CurrentTimeZone", |m, _| Ok(m.object(Object::Opaque(types::named("TimeZone"), Vec::new())))),
    ("TimeZone.StandardName", |_, _| Ok(Value::from("UTC"))),
    ("TimeZone.DaylightName", |_, _| Ok(Value::from(""))),
    ("TimeZone.GetUtcOffset", |_, _| Ok(Value::Span(0))),
    ("TimeZone.IsDaylightSavingTime(DateTime)", |_, _| Ok(Value::Boolean(false))),
    ("TimeZone.ToLocalTime", |_, a| Ok(with_kind(a.get(1), 2))),
    ("TimeZone.ToUniversalTime", |_, a| Ok(with_kind(a.get(1), 1))),
];

fn with_kind(value: &Value, kind: u8) -> Value {
    match value {
        Value::DateTime(date) => Value::DateTime(DateTime { ticks: date.ticks, kind }),
        other => other.clone(),
    }
}

fn zone(m: &mut Machine<'_>, fields: Vec<Value>) -> Value {
    m.object(Object::Opaque(types::named("TimeZoneInfo"), fields))
}

fn utc(m: &mut Machine<'_>) -> Value {
    let name = || Value::from("UTC");
    zone(m, vec![name(), Value::Span(0), name(), name()])
}

fn is_utc(id: &str) -> bool {
    ["UTC", "Etc/UTC", "Etc/GMT", "Coordinated Universal Time", "Zulu", "Etc/Zulu", "UCT", "Etc/UCT"]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(id))
}

/// Whether the name looks like one that a machine would know.
fn is_real(id: &str) -> bool {
    id.ends_with("Standard Time") || id.contains('/') || matches!(id, "GMT" | "CET" | "MET" | "EET" | "WET" | "EST" | "MST" | "HST")
}

fn system(m: &mut Machine<'_>, id: &str) -> Outcome {
    if is_utc(id) {
        return Ok(utc(m));
    }
    if is_real(id) {
        return Err(
            m.throw("NotSupportedException", &format!("The time zone '{id}' is not emulated: only UTC and zones of a fixed offset are."))
        );
    }
    Err(m.throw("TimeZoneNotFoundException", &format!("The time zone ID '{id}' was not found on the local computer.")))
}

fn custom(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let id = m.string(a, 0, "id")?;
    if id.is_empty() {
        return Err(m.throw("ArgumentException", "The specified ID parameter '' is not supported.\nParameter name: id"));
    }
    let shift = a.get(1).integer();
    if shift.abs() > 14 * 60 * MINUTE {
        return Err(m.out_of_range("baseUtcOffset", "The TimeSpan parameter must be within plus or minus 14.0 hours."));
    }
    if shift % MINUTE != 0 {
        return Err(m.throw(
            "ArgumentException",
            "The TimeSpan parameter cannot be specified more precisely than whole minutes.\nParameter name: baseUtcOffset",
        ));
    }
    let text = |value: &Value| if value.is_null() { Value::from("") } else { value.clone() };
    Ok(zone(m, vec![Value::Text(id), Value::Span(shift), text(a.get(2)), text(a.get(3))]))
}

fn field(m: &mut Machine<'_>, value: &Value, index: usize) -> Outcome {
    match m.object_of(value)? {
        Object::Opaque(_, fields) => Ok(fields.get(index).cloned().unwrap_or(Value::Null)),
        _ => Err(m.null_reference()),
    }
}

fn wrong_kind(m: &mut Machine<'_>) -> crate::expression::machine::Fault {
    let message = "The conversion could not be completed because the supplied DateTime did not have the Kind property set correctly.  For example, when the Kind property is DateTimeKind.Local, the source time zone must be TimeZoneInfo.Local.\nParameter name: sourceTimeZone";
    m.throw("ArgumentException", message)
}

/// From one zone to another; a date that says which zone it is in has to agree.
fn convert(m: &mut Machine<'_>, date: &Value, source: &Value, target: &Value, parameter: &str) -> Outcome {
    for (zone, name) in [(source, "sourceTimeZone"), (target, parameter)] {
        if zone.is_null() {
            return Err(m.argument_null(name));
        }
    }
    let Value::DateTime(date) = date else { return Err(m.null_reference()) };
    let (from, to) = (field(m, source, 1)?.integer(), field(m, target, 1)?.integer());
    let id = field(m, source, 0)?;
    let source_is_utc = matches!(&id, Value::Text(id) if is_utc(&id.to_str()));
    if date.kind != 0 && !source_is_utc {
        return Err(wrong_kind(m));
    }
    let ticks = (date.ticks - from + to).clamp(0, 3_155_378_975_999_999_999);
    let id = field(m, target, 0)?;
    let kind = if matches!(&id, Value::Text(id) if is_utc(&id.to_str())) { 1 } else { 0 };
    Ok(Value::DateTime(DateTime { ticks, kind }))
}

fn convert_offset(m: &mut Machine<'_>, date: &Value, target: &Value) -> Outcome {
    if target.is_null() {
        return Err(m.argument_null("destinationTimeZone"));
    }
    let Value::Offset(date) = date else { return Err(m.null_reference()) };
    let shift = field(m, target, 1)?.integer();
    let ticks = (date.utc_ticks() + shift).clamp(0, 3_155_378_975_999_999_999);
    Ok(Value::Offset(DateTimeOffset { ticks, offset: i16::try_from(shift / MINUTE).unwrap_or(0) }))
}

/// `TimeZoneInfo` as text is its display name.
pub(super) fn text(fields: &[Value]) -> Text {
    match fields.get(2) {
        Some(Value::Text(text)) => (**text).clone(),
        _ => Text::from(""),
    }
}
