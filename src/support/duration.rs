//! ISO 8601 durations as ARM writes them (`PT1M`, `P1DT12H`).

use std::time::Duration;

/// Parses an ISO 8601 duration of days, hours, minutes and (fractional) seconds.
///
/// Years, months and weeks have no fixed length or are not used by ARM's own types, and are refused. `None` for
/// anything else that is not a duration, also for one that does not fit.
#[must_use]
pub fn parse_iso8601(text: &str) -> Option<Duration> {
    let rest = text.strip_prefix('P')?;
    let (date, time) = rest.split_once('T').map_or((rest, None), |(date, time)| (date, Some(time)));
    if time == Some("") || rest.is_empty() {
        return None;
    }
    let days = fields(date, &[('D', 86_400.0)])?;
    let seconds = fields(time.unwrap_or(""), &[('H', 3_600.0), ('M', 60.0), ('S', 1.0)])?;
    Duration::try_from_secs_f64(days + seconds).ok()
}

fn fields(mut text: &str, units: &[(char, f64)]) -> Option<f64> {
    let mut total = 0.0;
    for (unit, seconds) in units {
        if let Some((number, rest)) = text.split_once(*unit) {
            let valid = !number.is_empty()
                && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
                && (*unit == 'S' || !number.contains('.'));
            if !valid {
                return None;
            }
            total += number.parse::<f64>().ok()? * seconds;
            text = rest;
        }
    }
    text.is_empty().then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_arm_writes() {
        assert_eq!(parse_iso8601("PT1M"), Some(Duration::from_secs(60)));
        assert_eq!(parse_iso8601("P1DT12H"), Some(Duration::from_secs(129_600)));
        assert_eq!(parse_iso8601("PT0.5S"), Some(Duration::from_millis(500)));
        for bad in ["", "P", "PT", "1M", "P1M", "PTM", "PT1X", "PT-1S", "PT1S1M", "PT1e3S", "PT1.5M"] {
            assert_eq!(parse_iso8601(bad), None, "{bad}");
        }
    }
}
