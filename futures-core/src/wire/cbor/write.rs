//! CBOR, written: each value with its type, structs and variants with their names.

use super::format::{Failure, MAX_DEPTH, NEGATIVE, POSITIVE, SOME, UNCOUNTED, major, simple};
use serde::ser::{self, Serialize, Serializer};

type Result<T = ()> = std::result::Result<T, Failure>;

/// The value as CBOR.
pub(super) fn to_bytes<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>> {
    let mut writer = Writer { bytes: Vec::new(), depth: 0 };
    value.serialize(&mut writer)?;
    Ok(writer.bytes)
}

/// Appends values.
struct Writer {
    bytes: Vec<u8>,
    /// How many options, enums, structs, tuples, sequences and maps the value at hand is in.
    depth: usize,
}

impl Writer {
    /// The first byte of a value and the number that belongs to it, in as few bytes as possible.
    fn put_head(&mut self, major: u8, number: u64) {
        let major = major << 5;
        match number {
            0..24 => self.bytes.push(major | number as u8),
            24..=0xff => self.bytes.extend([major | 24, number as u8]),
            0x100..=0xffff => self.put_long(major | 25, &(number as u16).to_be_bytes()),
            0x1_0000..=0xffff_ffff => self.put_long(major | 26, &(number as u32).to_be_bytes()),
            _ => self.put_long(major | 27, &number.to_be_bytes()),
        }
    }

    fn put_long(&mut self, first: u8, number: &[u8]) {
        self.bytes.push(first);
        self.bytes.extend_from_slice(number);
    }

    fn put_counted(&mut self, major: u8, bytes: &[u8]) -> Result {
        self.put_head(major, bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// The number itself, or of a negative one -1 minus the number.
    fn put_integer(&mut self, is_negative: bool, number: u128) -> Result {
        let (short, long) = if is_negative { (major::NEGATIVE, NEGATIVE) } else { (major::UNSIGNED, POSITIVE) };
        match u64::try_from(number) {
            Ok(number) => self.put_head(short, number),
            Err(_) => {
                self.put_head(major::TAG, long);
                let zeros = number.leading_zeros() as usize / 8;
                self.put_counted(major::BYTES, &number.to_be_bytes()[zeros..])?;
            }
        }
        Ok(())
    }

    fn descend(&mut self) -> Result {
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(Failure::too_deep()) } else { Ok(()) }
    }

    /// An array or a map.
    fn elements(&mut self, major: u8, length: Option<usize>) -> Result<Elements<'_>> {
        self.descend()?;
        match length {
            Some(length) => self.put_head(major, length as u64),
            None => self.bytes.push(major << 5 | UNCOUNTED),
        }
        Ok(Elements { writer: self, declared: length, count: 0, is_variant: false })
    }

    /// The content of a variant: the only value of a map, under the variant's name.
    fn variant(&mut self, name: &str) -> Result {
        self.descend()?;
        self.put_head(major::MAP, 1);
        self.put_counted(major::TEXT, name.as_bytes())
    }

    fn elements_of_variant(&mut self, name: &str, major: u8, length: usize) -> Result<Elements<'_>> {
        self.variant(name)?;
        Ok(Elements { is_variant: true, ..self.elements(major, Some(length))? })
    }

    /// Whether the reader would take the bytes from `start` on for an option without a value.
    fn holds_nothing(&self, start: usize) -> bool {
        let [high, low] = SOME.to_be_bytes();
        matches!(self.bytes[start..], [simple::NULL | simple::UNDEFINED])
            || self.bytes[start..].starts_with(&[major::TAG << 5 | 25, high, low])
    }
}

macro_rules! integers {
    ($($method:ident $type:ty;)*) => {$(
        fn $method(self, value: $type) -> Result {
            let value = i128::from(value);
            let number = if value < 0 { !value } else { value };
            self.put_integer(value < 0, number as u128)
        }
    )*};
}

impl<'w> Serializer for &'w mut Writer {
    type Ok = ();
    type Error = Failure;
    type SerializeSeq = Elements<'w>;
    type SerializeTuple = Elements<'w>;
    type SerializeTupleStruct = Elements<'w>;
    type SerializeTupleVariant = Elements<'w>;
    type SerializeMap = Elements<'w>;
    type SerializeStruct = Elements<'w>;
    type SerializeStructVariant = Elements<'w>;

    integers! {
        serialize_i8 i8;
        serialize_i16 i16;
        serialize_i32 i32;
        serialize_i64 i64;
        serialize_i128 i128;
        serialize_u8 u8;
        serialize_u16 u16;
        serialize_u32 u32;
        serialize_u64 u64;
    }

    fn serialize_u128(self, value: u128) -> Result {
        self.put_integer(false, value)
    }

    fn serialize_bool(self, value: bool) -> Result {
        self.bytes.push(if value { simple::TRUE } else { simple::FALSE });
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result {
        self.put_long(simple::F32, &value.to_be_bytes());
        Ok(())
    }

    fn serialize_f64(self, value: f64) -> Result {
        self.put_long(simple::F64, &value.to_be_bytes());
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result {
        self.put_counted(major::TEXT, value.as_bytes())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result {
        self.put_counted(major::BYTES, value)
    }

    fn serialize_none(self) -> Result {
        self.bytes.push(simple::NULL);
        Ok(())
    }

    /// The value alone, as everywhere, unless it would be taken for no value.
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result {
        self.descend()?;
        let start = self.bytes.len();
        value.serialize(&mut *self)?;
        self.depth -= 1;
        if self.holds_nothing(start) {
            let held = self.bytes.split_off(start);
            self.put_head(major::TAG, u64::from(SOME));
            self.bytes.extend(held);
        }
        Ok(())
    }

    fn serialize_unit(self) -> Result {
        self.bytes.push(simple::UNDEFINED);
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _name: &'static str, _index: u32, variant: &'static str) -> Result {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _name: &'static str, value: &T) -> Result {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result {
        self.variant(variant)?;
        value.serialize(&mut *self)?;
        self.depth -= 1;
        Ok(())
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Elements<'w>> {
        self.elements(major::ARRAY, length)
    }

    fn serialize_tuple(self, length: usize) -> Result<Elements<'w>> {
        self.elements(major::ARRAY, Some(length))
    }

    fn serialize_tuple_struct(self, _name: &'static str, length: usize) -> Result<Elements<'w>> {
        self.elements(major::ARRAY, Some(length))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Elements<'w>> {
        self.elements_of_variant(variant, major::ARRAY, length)
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Elements<'w>> {
        self.elements(major::MAP, length)
    }

    fn serialize_struct(self, _name: &'static str, length: usize) -> Result<Elements<'w>> {
        self.elements(major::MAP, Some(length))
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Elements<'w>> {
        self.elements_of_variant(variant, major::MAP, length)
    }
}

/// An array or a map that is being written.
struct Elements<'w> {
    writer: &'w mut Writer,
    /// The number of elements, if that was known.
    declared: Option<usize>,
    count: usize,
    /// Whether it is within a variant, which ends with it.
    is_variant: bool,
}

impl Elements<'_> {
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
        self.count += 1;
        value.serialize(&mut *self.writer)
    }

    fn entry<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result {
        self.element(name)?;
        value.serialize(&mut *self.writer)
    }

    fn finish(self) -> Result {
        match self.declared {
            Some(declared) if declared != self.count => {
                let count = self.count;
                return Err(Failure::new(format!("it announced {declared} elements or fields, but has {count}")));
            }
            Some(_) => {}
            None => self.writer.bytes.push(simple::BREAK),
        }
        self.writer.depth -= 1 + usize::from(self.is_variant);
        Ok(())
    }
}

macro_rules! arrays {
    ($($trait:ident $method:ident;)*) => {$(
        impl ser::$trait for Elements<'_> {
            type Ok = ();
            type Error = Failure;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
                self.element(value)
            }

            fn end(self) -> Result {
                self.finish()
            }
        }
    )*};
}

arrays! {
    SerializeSeq serialize_element;
    SerializeTuple serialize_element;
    SerializeTupleStruct serialize_field;
    SerializeTupleVariant serialize_field;
}

macro_rules! structs {
    ($($trait:ident)*) => {$(
        impl ser::$trait for Elements<'_> {
            type Ok = ();
            type Error = Failure;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result {
                self.entry(name, value)
            }

            fn end(self) -> Result {
                self.finish()
            }
        }
    )*};
}

structs! { SerializeStruct SerializeStructVariant }

impl ser::SerializeMap for Elements<'_> {
    type Ok = ();
    type Error = Failure;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result {
        self.element(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
        value.serialize(&mut *self.writer)
    }

    fn end(self) -> Result {
        self.finish()
    }
}
