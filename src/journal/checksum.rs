//! CRC-32C, the checksum of everything that is stored. The home of `crc`.

use crc::{CRC_32_ISCSI, Crc, Table};

/// Sixteen tables: sixteen bytes a step.
static CRC: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);

/// The CRC-32C (Castagnoli) of all `parts`, one after the other.
pub(crate) fn checksum(parts: &[&[u8]]) -> u32 {
    if let [only] = parts {
        return CRC.checksum(only);
    }
    let mut digest = CRC.digest();
    for part in parts {
        digest.update(part);
    }
    digest.finalize()
}

#[cfg(test)]
mod tests {
    use super::checksum;

    #[test]
    fn is_crc_32c_of_the_parts_together() {
        assert_eq!(checksum(&[b"123456789"]), 0xe306_9283); // the check value of CRC-32/ISCSI
        assert_eq!(checksum(&[b"1234", b"", b"56789"]), 0xe306_9283);
    }
}
