//! The rest of `Array`: ranges, searching, sorting with keys, and what only `System.Array` shows.

use super::{change, copy, find, find_index, handle, index_of, length, order_by, sort, sort_range};
use crate::expression::heap::Object;
use crate::expression::library::{Members, equals, linq, strings};
use crate::expression::machine::{Args, Machine, Outcome};
use crate::expression::types::{self, known};
use crate::expression::value::Value;

pub(in crate::expression::library) const MEMBERS: Members = &[
    ("Array.Length", |m, a| length(m, a)),
    ("Array.LongLength", |m, a| length(m, a).map(|value| Value::Int64(value.integer()))),
    ("Array.Rank", |_, _| Ok(Value::Int32(1))),
    ("Array.Exists", |m, a| {
        let mut found = false;
        for item in linq::collect(m, a.get(0))? {
            found |= m.call(a.get(1), &[item])?.truth();
            if found {
                break;
            }
        }
        Ok(Value::Boolean(found))
    }),
    ("Array.Find", |m, a| find(m, a, false)),
    ("Array.FindLast", |m, a| find(m, a, true)),
    ("Array.FindAll", |m, a| {
        let mut list = Vec::new();
        for item in linq::collect(m, a.get(0))? {
            if m.call(a.get(1), std::slice::from_ref(&item))?.truth() {
                list.push(item);
            }
        }
        m.array(a.ty(0), list)
    }),
    ("Array.FindIndex(T[],Predicate<T>)", |m, a| find_index(m, a)),
    ("Array.TrueForAll", |m, a| {
        for item in linq::collect(m, a.get(0))? {
            if !m.call(a.get(1), &[item])?.truth() {
                return Ok(Value::Boolean(false));
            }
        }
        Ok(Value::Boolean(true))
    }),
    ("Array.ConvertAll", |m, a| {
        let mut list = Vec::new();
        for item in linq::collect(m, a.get(0))? {
            list.push(m.call(a.get(1), &[item])?);
        }
        m.array(a.ty(1), list)
    }),
    ("Array.ForEach", |m, a| {
        for item in linq::collect(m, a.get(0))? {
            m.call(a.get(1), &[item])?;
        }
        Ok(Value::Null)
    }),
    ("Array.IndexOf(T[],T)", |m, a| index_of(m, a)),
    ("Array.IndexOf(Array,object)", |m, a| index_of(m, a)),
    ("Array.LastIndexOf(T[],T)", |m, a| {
        let list = linq::collect(m, a.get(0))?;
        for (index, item) in list.iter().enumerate().rev() {
            if equals(m, item, a.get(1))? {
                return Ok(Value::size(index));
            }
        }
        Ok(Value::Int32(-1))
    }),
    ("Array.Reverse(Array)", |m, a| {
        change(m, a, |items| items.reverse())?;
        Ok(Value::Null)
    }),
    ("Array.Reverse(T[])", |m, a| {
        change(m, a, |items| items.reverse())?;
        Ok(Value::Null)
    }),
    ("Array.Sort(Array)", |m, a| sort(m, a)),
    ("Array.Sort(T[])", |m, a| sort(m, a)),
    ("Array.Sort(T[],Comparison<T>)", |m, a| sort(m, a)),
    ("Array.Clear(Array,int,int)", |m, a| {
        let ty = m.heap.type_of(a.get(0)).element().unwrap_or(known().object);
        let length = linq::collect(m, a.get(0))?.len();
        let (start, count) = strings::range(m, length, a.int(1), a.int(2))?;
        change(m, a, |items| items[start..start + count].fill(Value::default_of(ty)))?;
        Ok(Value::Null)
    }),
    ("Array.Copy(Array,Array,int)", |m, a| copy(m, a.get(0), 0, a.get(1), 0, a.int(2))),
    ("Array.Copy(Array,int,Array,int,int)", |m, a| copy(m, a.get(0), a.int(1), a.get(2), a.int(3), a.int(4))),
    ("Array.CopyTo(Array,int)", |m, a| {
        let count = linq::collect(m, a.get(0))?.len();
        copy(m, a.get(0), 0, a.get(1), a.int(2), i32::try_from(count).unwrap_or(0))
    }),
    ("Array.Clone()", |m, a| {
        let ty = m.heap.type_of(a.get(0)).element().unwrap_or(known().object);
        let items = linq::collect(m, a.get(0))?;
        m.array(ty, items)
    }),
    ("Array.GetValue(int)", |m, a| {
        let items = linq::collect(m, a.get(0))?;
        match usize::try_from(a.int(1)).ok().and_then(|index| items.get(index)) {
            Some(item) => Ok(item.clone()),
            None => Err(m.throw("IndexOutOfRangeException", "Index was outside the bounds of the array.")),
        }
    }),
    ("Array.Empty", |m, a| m.array(a.ty(0), Vec::new())),
    ("Array.IsFixedSize", |m, a| handle(m, a.get(0)).map(|_| Value::Boolean(true))),
    ("Array.IsReadOnly", |m, a| handle(m, a.get(0)).map(|_| Value::Boolean(false))),
    ("Array.IsSynchronized", |m, a| handle(m, a.get(0)).map(|_| Value::Boolean(false))),
    ("Array.SyncRoot", |m, a| handle(m, a.get(0)).map(|_| a.get(0).clone())),
    ("Array.MaxLength", |_, _| Ok(Value::Int32(0x7fff_ffc7))),
    ("Array.Initialize()", |m, a| handle(m, a.get(0)).map(|_| Value::Null)),
    ("Array.GetEnumerator()", |m, a| linq::enumerator(m, a.get(0))),
    ("Array.GetLowerBound", |m, a| dimension(m, a).map(|_| Value::Int32(0))),
    ("Array.GetUpperBound", |m, a| dimension(m, a).map(|length| Value::Int32(i32::try_from(length).unwrap_or(0) - 1))),
    ("Array.GetLength", |m, a| dimension(m, a).map(Value::size)),
    ("Array.GetLongLength", |m, a| dimension(m, a).map(|length| Value::Int64(length as i64))),
    ("Array.GetValue(long)", |m, a| get_value(m, a, a.get(1))),
    ("Array.GetValue", |m, a| other_rank(m, a.values.get(1..).unwrap_or_default())),
    ("Array.SetValue", |m, a| other_rank(m, a.values.get(2..).unwrap_or_default())),
    ("Array.GetValue(int[])", |m, a| {
        let index = one_index(m, a.get(1))?;
        get_value(m, a, &index)
    }),
    ("Array.GetValue(long[])", |m, a| {
        let index = one_index(m, a.get(1))?;
        get_value(m, a, &index)
    }),
    ("Array.SetValue(object,int)", |m, a| set_value(m, a, a.get(2))),
    ("Array.SetValue(object,long)", |m, a| set_value(m, a, a.get(2))),
    ("Array.SetValue(object,int[])", |m, a| {
        let index = one_index(m, a.get(2))?;
        set_value(m, a, &index)
    }),
    ("Array.SetValue(object,long[])", |m, a| {
        let index = one_index(m, a.get(2))?;
        set_value(m, a, &index)
    }),
    ("Array.CreateInstance(Type,int)", |m, a| {
        let Value::TypeToken(ty) = a.get(0) else { return Err(m.argument_null("elementType")) };
        match usize::try_from(a.int(1)) {
            Ok(length) => {
                m.allocate(length.saturating_mul(24))?;
                let default = m.default_value(*ty);
                m.array(*ty, vec![default; length])
            }
            Err(_) => Err(m.out_of_range("length", "Non-negative number required.")),
        }
    }),
    ("Array.Clear(Array)", |m, a| {
        let ty = m.heap.type_of(a.get(0)).element().unwrap_or(known().object);
        change(m, a, |items| items.fill(Value::default_of(ty)))?;
        Ok(Value::Null)
    }),
    ("Array.Fill(T[],T)", |m, a| {
        change(m, a, |items| items.fill(a.get(1).clone()))?;
        Ok(Value::Null)
    }),
    ("Array.Fill(T[],T,int,int)", |m, a| {
        let length = linq::collect(m, a.get(0))?.len();
        let (start, count) = strings::range(m, length, a.int(2), a.int(3))?;
        change(m, a, |items| items[start..start + count].fill(a.get(1).clone()))?;
        Ok(Value::Null)
    }),
    ("Array.Resize(T[],int)", |m, a| {
        let Ok(length) = usize::try_from(a.int(1)) else { return Err(m.out_of_range("newSize", "Non-negative number required.")) };
        m.allocate(length.saturating_mul(24))?;
        let Value::Object(cell) = a.get(0) else { return Err(m.null_reference()) };
        let old = match m.heap.get(*cell) {
            Object::Cell(value) => value.clone(),
            _ => Value::Null,
        };
        let mut items = if old.is_null() { Vec::new() } else { linq::collect(m, &old)? };
        items.resize(length, Value::default_of(a.ty(0)));
        let made = m.array(a.ty(0), items)?;
        m.set_cell(a.get(0), made);
        Ok(Value::Null)
    }),
    ("Array.AsReadOnly(T[])", |m, a| {
        if a.get(0).is_null() {
            return Err(m.argument_null("array"));
        }
        let items = linq::collect(m, a.get(0))?;
        let ty = types::generic("ReadOnlyCollection", &[a.ty(0)]);
        Ok(m.object(Object::List(ty, items)))
    }),
    ("Array.Copy(Array,Array,long)", |m, a| {
        let count = narrow(m, a.get(2), "length")?;
        copy(m, a.get(0), 0, a.get(1), 0, count)
    }),
    ("Array.Copy(Array,long,Array,long,long)", |m, a| {
        let (from, to) = (narrow(m, a.get(1), "sourceIndex")?, narrow(m, a.get(3), "destinationIndex")?);
        let count = narrow(m, a.get(4), "length")?;
        copy(m, a.get(0), from, a.get(2), to, count)
    }),
    ("Array.ConstrainedCopy", |m, a| copy(m, a.get(0), a.int(1), a.get(2), a.int(3), a.int(4))),
    ("Array.CopyTo(Array,long)", |m, a| {
        let count = linq::collect(m, a.get(0))?.len();
        let place = narrow(m, a.get(2), "index")?;
        copy(m, a.get(0), 0, a.get(1), place, i32::try_from(count).unwrap_or(0))
    }),
    ("Array.Reverse(Array,int,int)", |m, a| reverse(m, a)),
    ("Array.Reverse(T[],int,int)", |m, a| reverse(m, a)),
    ("Array.IndexOf(Array,object,int)", |m, a| index_in(m, a, false)),
    ("Array.IndexOf(Array,object,int,int)", |m, a| index_in(m, a, false)),
    ("Array.IndexOf(T[],T,int)", |m, a| index_in(m, a, false)),
    ("Array.IndexOf(T[],T,int,int)", |m, a| index_in(m, a, false)),
    ("Array.LastIndexOf(Array,object)", |m, a| index_in(m, a, true)),
    ("Array.LastIndexOf(Array,object,int)", |m, a| index_in(m, a, true)),
    ("Array.LastIndexOf(Array,object,int,int)", |m, a| index_in(m, a, true)),
    ("Array.LastIndexOf(T[],T,int)", |m, a| index_in(m, a, true)),
    ("Array.LastIndexOf(T[],T,int,int)", |m, a| index_in(m, a, true)),
    ("Array.FindIndex(T[],int,Predicate<T>)", |m, a| find_in(m, a, 1, false)),
    ("Array.FindIndex(T[],int,int,Predicate<T>)", |m, a| find_in(m, a, 2, false)),
    ("Array.FindLastIndex(T[],Predicate<T>)", |m, a| find_in(m, a, 0, true)),
    ("Array.FindLastIndex(T[],int,Predicate<T>)", |m, a| find_in(m, a, 1, true)),
    ("Array.FindLastIndex(T[],int,int,Predicate<T>)", |m, a| find_in(m, a, 2, true)),
    ("Array.BinarySearch(Array,object)", |m, a| search(m, a, None, 1, None)),
    ("Array.BinarySearch(Array,object,IComparer)", |m, a| search(m, a, None, 1, Some(2))),
    ("Array.BinarySearch(Array,int,int,object)", |m, a| search(m, a, Some(1), 3, None)),
    ("Array.BinarySearch(Array,int,int,object,IComparer)", |m, a| search(m, a, Some(1), 3, Some(4))),
    ("Array.BinarySearch(T[],T)", |m, a| search(m, a, None, 1, None)),
    ("Array.BinarySearch(T[],T,IComparer<T>)", |m, a| search(m, a, None, 1, Some(2))),
    ("Array.BinarySearch(T[],int,int,T)", |m, a| search(m, a, Some(1), 3, None)),
    ("Array.BinarySearch(T[],int,int,T,IComparer<T>)", |m, a| search(m, a, Some(1), 3, Some(4))),
    ("Array.Sort(Array,IComparer)", |m, a| sort_range(m, a.get(0), None, a.get(1))),
    ("Array.Sort(Array,int,int)", |m, a| sort_range(m, a.get(0), Some((a.int(1), a.int(2))), &Value::Null)),
    ("Array.Sort(Array,int,int,IComparer)", |m, a| sort_range(m, a.get(0), Some((a.int(1), a.int(2))), a.get(3))),
    ("Array.Sort(T[],IComparer<T>)", |m, a| sort_range(m, a.get(0), None, a.get(1))),
    ("Array.Sort(T[],int,int)", |m, a| sort_range(m, a.get(0), Some((a.int(1), a.int(2))), &Value::Null)),
    ("Array.Sort(T[],int,int,IComparer<T>)", |m, a| sort_range(m, a.get(0), Some((a.int(1), a.int(2))), a.get(3))),
    ("Array.Sort(Array,Array)", |m, a| sort_pairs(m, a, None, None)),
    ("Array.Sort(Array,Array,IComparer)", |m, a| sort_pairs(m, a, None, Some(2))),
    ("Array.Sort(Array,Array,int,int)", |m, a| sort_pairs(m, a, Some(2), None)),
    ("Array.Sort(Array,Array,int,int,IComparer)", |m, a| sort_pairs(m, a, Some(2), Some(4))),
    ("Array.Sort(TKey[],TValue[])", |m, a| sort_pairs(m, a, None, None)),
    ("Array.Sort(TKey[],TValue[],IComparer<TKey>)", |m, a| sort_pairs(m, a, None, Some(2))),
    ("Array.Sort(TKey[],TValue[],int,int)", |m, a| sort_pairs(m, a, Some(2), None)),
    ("Array.Sort(TKey[],TValue[],int,int,IComparer<TKey>)", |m, a| sort_pairs(m, a, Some(2), Some(4))),
];

fn dimension(m: &mut Machine<'_>, a: Args<'_>) -> Outcome<usize> {
    let length = linq::collect(m, a.get(0))?.len();
    if a.int(1) == 0 { Ok(length) } else { Err(m.throw("IndexOutOfRangeException", "Index was outside the bounds of the array.")) }
}

fn one_index(m: &mut Machine<'_>, list: &Value) -> Outcome {
    match linq::collect(m, list)?.as_slice() {
        [index] => Ok(index.clone()),
        _ => Err(m.throw("ArgumentException", "Indices length does not match the array rank.")),
    }
}

/// A number given as `long` has to be one of an array.
fn narrow(m: &mut Machine<'_>, number: &Value, name: &str) -> Outcome<i32> {
    i32::try_from(number.integer()).map_err(|_| m.out_of_range(name, "Arrays larger than 2GB are not supported."))
}

/// Arrays have one dimension here, as in every policy: more than one index never fits.
fn other_rank(m: &mut Machine<'_>, indices: &[Value]) -> Outcome {
    for index in indices {
        narrow(m, index, "index")?;
    }
    Err(m.throw("ArgumentException", "Array was not a multi-dimensional array."))
}

fn get_value(m: &mut Machine<'_>, a: Args<'_>, index: &Value) -> Outcome {
    narrow(m, index, "index")?;
    let items = linq::collect(m, a.get(0))?;
    match usize::try_from(index.integer()).ok().and_then(|index| items.get(index)) {
        Some(item) => Ok(item.clone()),
        None => Err(m.throw("IndexOutOfRangeException", "Index was outside the bounds of the array.")),
    }
}

fn set_value(m: &mut Machine<'_>, a: Args<'_>, index: &Value) -> Outcome {
    let array = handle(m, a.get(0))?;
    let element = m.heap.type_of(a.get(0)).element().unwrap_or(known().object);
    let value = match a.get(1) {
        Value::Null => Value::default_of(element),
        value if m.is(value, element) => value.clone(),
        // Numbers that widen are converted.
        value => match (m.heap.type_of(value).primitive(), element.primitive()) {
            (Some(from), Some(to)) if from.widens_to(to) => {
                crate::expression::machine::arithmetic::convert(value, to, false).unwrap_or_else(|| value.clone())
            }
            _ => return Err(m.throw("InvalidCastException", "Object cannot be stored in an array of this type.")),
        },
    };
    narrow(m, index, "index")?;
    let index = usize::try_from(index.integer()).ok();
    if let Some(Object::Array(_, items)) = m.heap.get_mut(array)
        && let Some(place) = index.and_then(|index| items.get_mut(index))
    {
        *place = value;
        return Ok(Value::Null);
    }
    Err(m.throw("IndexOutOfRangeException", "Index was outside the bounds of the array."))
}

pub(super) fn reverse(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let length = linq::collect(m, a.get(0))?.len();
    let (start, count) = strings::range(m, length, a.int(1), a.int(2))?;
    change(m, a, |items| items[start..start + count].reverse())?;
    Ok(Value::Null)
}

/// Where to look: from a start on (or back), so many.
fn bounds(
    m: &mut Machine<'_>,
    length: usize,
    start: Option<i32>,
    count: Option<i32>,
    last: bool,
    is_array: bool,
) -> Outcome<(usize, usize)> {
    let message = "Index was out of range. Must be non-negative and less than the size of the collection.";
    if last {
        let start = start.unwrap_or(i32::try_from(length).unwrap_or(0) - 1);
        if length == 0 {
            // `Array` looks at the numbers all the same; a list only at a start that stands alone.
            return match (start, count) {
                (_, Some(_)) if !is_array => Ok((0, 0)),
                (-1, None) => Ok((0, 0)),
                (0, None) if is_array => Ok((0, 0)),
                (-1 | 0, Some(0)) => Ok((0, 0)),
                (-1 | 0, Some(_)) => Err(m.out_of_range(
                    "count",
                    "Count must be positive and count must refer to a location within the string/array/collection.",
                )),
                _ => Err(m.out_of_range("startIndex", message)),
            };
        }
        let Some(end) = usize::try_from(start).ok().filter(|start| *start < length).map(|start| start + 1) else {
            return Err(m.out_of_range("startIndex", message));
        };
        return match count.map_or(Ok(end), usize::try_from).ok().and_then(|count| end.checked_sub(count)) {
            Some(from) => Ok((from, end)),
            None => {
                Err(m
                    .out_of_range("count", "Count must be positive and count must refer to a location within the string/array/collection."))
            }
        };
    }
    let Some(from) = usize::try_from(start.unwrap_or(0)).ok().filter(|start| *start <= length) else {
        return Err(m.out_of_range("startIndex", message));
    };
    match count.map_or(Ok(length - from), usize::try_from).ok().filter(|count| from + count <= length) {
        Some(count) => Ok((from, from + count)),
        None => {
            Err(m.out_of_range("count", "Count must be positive and count must refer to a location within the string/array/collection."))
        }
    }
}

/// `IndexOf` and `LastIndexOf`, with a start and a count where they are given.
pub(super) fn index_in(m: &mut Machine<'_>, a: Args<'_>, last: bool) -> Outcome {
    let items = linq::collect(m, a.get(0))?;
    let at = |index: usize| (a.len() > index).then(|| a.int(index));
    let is_array = matches!(a.get(0).handle().map(|handle| m.heap.get(handle)), Some(Object::Array(..)));
    let (from, to) = bounds(m, items.len(), at(2), at(3), last, is_array)?;
    let mut places: Vec<usize> = (from..to).collect();
    if last {
        places.reverse();
    }
    for place in places {
        if equals(m, &items[place], a.get(1))? {
            return Ok(Value::size(place));
        }
    }
    Ok(Value::Int32(-1))
}

/// `FindIndex` and `FindLastIndex`; so many numbers stand before the predicate.
pub(super) fn find_in(m: &mut Machine<'_>, a: Args<'_>, numbers: usize, last: bool) -> Outcome {
    let items = linq::collect(m, a.get(0))?;
    let at = |index: usize| (numbers >= index).then(|| a.int(index));
    let (from, to) = bounds(m, items.len(), at(1), at(2), last, true)?;
    let mut places: Vec<usize> = (from..to).collect();
    if last {
        places.reverse();
    }
    for place in places {
        if m.call(a.get(numbers + 1), std::slice::from_ref(&items[place]))?.truth() {
            return Ok(Value::size(place));
        }
    }
    Ok(Value::Int32(-1))
}

/// The index, or the complement of where it would stand.
pub(super) fn search(m: &mut Machine<'_>, a: Args<'_>, part: Option<usize>, value: usize, comparer: Option<usize>) -> Outcome {
    let items = linq::collect(m, a.get(0))?;
    let (start, count) = match part {
        Some(index) => {
            let (start, count) = (a.int(index), a.int(index + 1));
            if start >= 0 && count >= 0 && i64::from(start) + i64::from(count) > i64::try_from(items.len()).unwrap_or(i64::MAX) {
                let message = "Offset and length were out of bounds for the array or count is greater than the number of elements from index to the end of the source collection.";
                return Err(m.throw("ArgumentException", message));
            }
            strings::range(m, items.len(), start, count)?
        }
        None => (0, items.len()),
    };
    let comparer = comparer.map_or(Value::Null, |index| a.get(index).clone());
    let (mut low, mut high) = (start, start + count);
    while low < high {
        let middle = low + (high - low - 1) / 2;
        let order = match order_by(m, &comparer, &items[middle], a.get(value)) {
            Ok(order) => order,
            Err(fault) => return Err(super::not_compared(m, fault)),
        };
        if order == 0 {
            return Ok(Value::size(middle));
        }
        if order < 0 {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(Value::Int32(!i32::try_from(low).unwrap_or(0)))
}

fn sort_pairs(m: &mut Machine<'_>, a: Args<'_>, part: Option<usize>, comparer: Option<usize>) -> Outcome {
    let comparer = comparer.map_or(Value::Null, |index| a.get(index).clone());
    let range = part.map(|index| (a.int(index), a.int(index + 1)));
    if a.get(1).is_null() {
        return sort_range(m, a.get(0), range, &comparer);
    }
    let (keys, values) = (linq::collect(m, a.get(0))?, linq::collect(m, a.get(1))?);
    let (start, count) = match range {
        Some((start, count)) => strings::range(m, keys.len(), start, count)?,
        None => (0, keys.len()),
    };
    if start + count > values.len() {
        return Err(m.throw("ArgumentException", "Offset and length were out of bounds for the array or count is greater than the number of elements from index to the end of the source collection."));
    }
    let mut rows: Vec<(Value, Value)> =
        keys[start..start + count].iter().cloned().zip(values[start..start + count].iter().cloned()).collect();
    super::sort_rows(m, &mut rows, &comparer)?;
    let (keys, values): (Vec<Value>, Vec<Value>) = rows.into_iter().unzip();
    change(m, a, |items| items[start..start + count].clone_from_slice(&keys))?;
    change(m, Args { values: &[a.get(1).clone()], types: a.types }, |items| items[start..start + count].clone_from_slice(&values))?;
    Ok(Value::Null)
}
