//! Rendezvous headers that nobody should have sent: they are errors, and take no memory that is not there.

use super::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn random_tables_are_read_or_refused(table in prop::collection::vec(any::<u8>(), 0..60)) {
        match read_rendezvous_header(&table) {
            Ok(sections) => prop_assert_eq!(sections.len() * Section::BYTES, table.len(), "it says all that is there"),
            Err(text) => prop_assert!(text.contains(&format!("{} bytes", table.len())), "it says what is wrong: {}", text),
        }
    }
}

#[test]
fn a_cut_table_is_refused() {
    let attachments = [1, 2, 4, 8, 16].map(|alignment| Memory::with_room(alignment, 0).map(Attachment::new));
    let attachments = attachments.map(|attachment| attachment.expect("it takes no memory"));
    let table = write_rendezvous_header(77, &attachments);
    assert_eq!(read_rendezvous_header(&table).map(|sections| sections.len()), Ok(6));
    for length in (0..table.len()).filter(|length| *length == 0 || !length.is_multiple_of(Section::BYTES)) {
        assert!(read_rendezvous_header(&table[..length]).is_err(), "{length} bytes of {}", table.len());
    }
}

#[test]
fn a_section_without_memory_for_it_is_an_error() {
    for alignment in 0..=u8::MAX {
        for length in [1 << 60, 1 << 63, u64::MAX - 15] {
            let table = [[alignment].as_slice(), &length.to_le_bytes()].concat();
            let sections = read_rendezvous_header(&table).expect("it is a table");
            assert_eq!(sections, [Section { alignment, length }]);
            let reserved = reserve(usize::from(alignment), length as usize);
            assert!(reserved.is_err(), "{length} bytes aligned to {alignment} bytes");
        }
    }
}
