//! The shape of a value, as its writer and its reader see it: two sums that must agree.
//!
//! The bytes of a value say nothing of its type. A type whose `Serialize` and `Deserialize` do not go together would be
//! read as something else, so both sides add up which kinds of values, and which fields, they have met.

/// The check behind the bytes of a value.
pub(super) const CHECK_BYTES: usize = 4;

/// The kinds and fields that were met so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    /// The sum of the kinds of all numbers, texts, options, enums, sequences and maps.
    kinds: u32,
    /// The sum of the structs, each by the names of its fields; none if a struct may be read by other names than it was
    /// written by, because it has aliases.
    names: Option<u32>,
}

/// How what was written differs from what is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Difference {
    /// Other values.
    Kinds,
    /// The same values under other names.
    Names,
}

/// The kinds of values that are told apart.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Bool = 1,
    I8,
    I16,
    I32,
    I64,
    I128,
    U8,
    U16,
    U32,
    U64,
    U128,
    F32,
    F64,
    Char,
    Option,
    Enum,
    Map,
    /// A sequence, or bytes, or a text, which is taken for a sequence of `u8`.
    Sequence,
}

impl Kind {
    /// A number that is unrelated to those of the other kinds.
    const fn weight(self) -> u32 {
        scatter(self as u32)
    }
}

impl Shape {
    /// The shape of no value.
    pub(super) const NONE: Shape = Shape { kinds: 0, names: Some(0) };

    #[inline(always)]
    pub(super) fn add(&mut self, kind: Kind) {
        self.kinds = self.kinds.wrapping_add(kind.weight());
    }

    #[inline(always)]
    pub(super) fn add_many(&mut self, kind: Kind, count: usize) {
        self.kinds = self.kinds.wrapping_add((count as u32).wrapping_mul(kind.weight()));
    }

    /// A text, or bytes, of this length.
    #[inline(always)]
    pub(super) fn add_bytes(&mut self, length: usize) {
        self.add(Kind::Sequence);
        self.add_many(Kind::U8, length);
    }

    #[inline(always)]
    pub(super) fn add_struct(&mut self, fields: Fields) {
        self.names = self.names.map(|names| names.wrapping_add(fields.0));
    }

    /// A struct that is read with aliases.
    pub(super) fn allow_any_names(&mut self) {
        self.names = None;
    }

    /// The check behind the bytes: either all of it from the kinds, or half from the kinds and half from the names.
    #[inline]
    pub(super) fn check(self) -> u32 {
        match self.names {
            None | Some(0) => self.kinds,
            Some(names) => half(self.kinds) | half(names) << 16,
        }
    }

    /// Compares with the check of the writer's shape.
    #[inline]
    pub(super) fn compare(self, written: u32) -> Result<(), Difference> {
        let same_kinds = half(self.kinds) == written & 0xffff;
        match self.names {
            Some(_) if self.check() == written => Ok(()),
            None if same_kinds => Ok(()),
            Some(names) if same_kinds && names != 0 => Err(Difference::Names),
            _ => Err(Difference::Kinds),
        }
    }
}

const fn half(sum: u32) -> u32 {
    (sum ^ sum >> 16) & 0xffff
}

/// The names of the fields of one struct, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fields(u32);

impl Fields {
    pub(super) const NONE: Fields = Fields(1);

    #[inline(always)]
    pub(super) fn add(&mut self, name: &str) {
        self.0 = (self.0.rotate_left(5) ^ hash(name)).wrapping_mul(0x9e37_79b1) | 1;
    }

    /// The sum of these fields.
    pub(super) fn of(names: &[&str]) -> Self {
        let mut fields = Fields::NONE;
        names.iter().for_each(|name| fields.add(name));
        fields
    }
}

/// A number that stands for a name of a field or of a variant.
#[inline(always)]
pub(super) fn hash(name: &str) -> u32 {
    let mut chunks = name.as_bytes().chunks_exact(4);
    let mut hash = name.len() as u32;
    for chunk in &mut chunks {
        hash = mix(hash, u32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]));
    }
    let mut last = 0;
    for byte in chunks.remainder() {
        last = last << 8 | u32::from(*byte);
    }
    scatter(mix(hash, last))
}

#[inline(always)]
const fn mix(hash: u32, more: u32) -> u32 {
    // A step of MurmurHash3 for 32 bits.
    let more = more.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
    (hash ^ more).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64)
}

/// Spreads the difference of two numbers over all bits: the last step of MurmurHash3.
#[inline(always)]
const fn scatter(number: u32) -> u32 {
    let number = (number ^ number >> 16).wrapping_mul(0x85eb_ca6b);
    let number = (number ^ number >> 13).wrapping_mul(0xc2b2_ae35);
    number ^ number >> 16
}
