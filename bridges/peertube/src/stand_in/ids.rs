//! Names: UUIDs, their short form, and where they are told apart from other ids.

use sha2::{Digest, Sha256};

/// The alphabet of `PeerTube`'s short UUIDs: base 58 as Flickr writes it.
const BASE58: &[u8; 58] = b"123456789abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ";
/// Short UUIDs are filled up with the digit for zero to this length.
const SHORT_LENGTH: usize = 22;

/// Makes UUIDs: always the same ones in the same order for one seed.
#[derive(Debug)]
pub(super) struct Names {
    seed: String,
    made: u64,
}

impl Names {
    pub(super) fn new(seed: &str) -> Self {
        let seed = seed.to_owned();
        Self { seed, made: 0 }
    }

    /// The next UUID, of version 4 by its looks.
    pub(super) fn uuid(&mut self) -> String {
        self.made += 1;
        let digest = Sha256::digest(format!("{} {}", self.seed, self.made));
        let mut bytes = [0u8; 16];
        bytes.copy_from_slice(&digest[..16]);
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let number = u128::from_be_bytes(bytes);
        let hex = format!("{number:032x}");
        let groups = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
        groups.join("-")
    }
}

/// The short form of a UUID; `None` if it isn't one.
pub fn short_uuid(uuid: &str) -> Option<String> {
    if !is_uuid(uuid) {
        return None;
    }
    let mut number = u128::from_str_radix(&uuid.replace('-', ""), 16).ok()?;
    let mut digits = Vec::with_capacity(SHORT_LENGTH);
    while number > 0 {
        let digit = usize::try_from(number % 58).ok()?;
        digits.push(char::from(BASE58[digit]));
        number /= 58;
    }
    digits.resize(SHORT_LENGTH, char::from(BASE58[0]));
    Some(digits.iter().rev().collect())
}

/// Whether it has the form of a UUID.
pub(super) fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|g| g.len()).collect();
    lengths == [8, 4, 4, 4, 12] && groups.iter().all(|g| g.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Whether `PeerTube` takes it for the id of a video: a number, a UUID or a short one.
pub(super) fn is_video_id(text: &str) -> bool {
    let number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) && text.len() < 10;
    let short = text.len() == SHORT_LENGTH && text.bytes().all(|b| BASE58.contains(&b));
    number || short || is_uuid(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_uuids_are_as_recorded() {
        let recorded = [
            ("b00bfce8-42ab-4244-a722-5c470b3dfffc", "nJS3gFNBDDWPnkZNXARGCd"),
            ("f3e70b9a-0ab2-44a0-b2d5-2bb4e472e5ac", "w7RnekFnx465iLEDXErEN1"),
            ("f5233adf-ee33-475d-a801-7bed0d4dfcaf", "wgGqJh1E4XxHhXAQTd9PaH"),
            ("019dd777-bb7d-412d-9465-1a425f7723d8", "1czwqoci9d3MNSMvaEL63h"),
        ];
        for (uuid, short) in recorded {
            assert_eq!(short_uuid(uuid).as_deref(), Some(short));
        }
    }

    #[test]
    fn a_short_uuid_always_has_the_same_length() {
        let small = short_uuid("00000000-0000-4000-8000-000000000001").unwrap_or_default();
        assert_eq!(small.len(), 22);
        assert!(is_video_id(&small));
        assert_eq!(short_uuid("not-a-uuid"), None);
    }

    #[test]
    fn names_are_uuids_and_never_repeat() {
        let (mut names, mut again) = (Names::new("x"), Names::new("x"));
        let (one, two) = (names.uuid(), names.uuid());
        assert!(is_uuid(&one) && is_uuid(&two));
        assert_ne!(one, two);
        assert_eq!(one, again.uuid());
    }
}
