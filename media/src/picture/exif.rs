//! EXIF, read for two things: how to turn the picture, and which of its fields would have told something.

use std::collections::BTreeSet;

use exif::{Context, In, Reader, Tag};

use super::scan::{Orientation, Trace};

/// Larger blocks are dropped unread: cameras stay under 64 KiB, the most a JPEG segment holds.
const LARGEST: usize = 1 << 20;

/// Reads a TIFF-structured EXIF block (with or without the `Exif\0\0` of JPEG before it). What can't be read counts as
/// upright and as [`Trace::Exif`].
pub(super) fn read(block: &[u8], traces: &mut BTreeSet<Trace>) -> Orientation {
    let block = block.strip_prefix(b"Exif\0\0").unwrap_or(block);
    let before = traces.len();
    let mut orientation = Orientation::UPRIGHT;
    if block.len() <= LARGEST {
        let mut reader = Reader::new();
        reader.continue_on_error(true);
        let parsed = match reader.read_raw(block.to_vec()) {
            Ok(exif) => Some(exif),
            Err(error) => error.distill_partial_result(|_| ()).ok(),
        };
        if let Some(exif) = parsed {
            for field in exif.fields() {
                if let Some(trace) = trace_of(field.tag, field.ifd_num) {
                    traces.insert(trace);
                }
            }
            let value = exif
                .get_field(Tag::Orientation, In::PRIMARY)
                .and_then(|f| f.value.get_uint(0));
            orientation = value.map_or(Orientation::UPRIGHT, Orientation::from_exif);
        }
    }
    if traces.len() == before {
        traces.insert(Trace::Exif);
    }
    orientation
}

fn trace_of(tag: Tag, ifd: In) -> Option<Trace> {
    if ifd == In::THUMBNAIL {
        return Some(Trace::Thumbnail);
    }
    if tag.context() == Context::Gps {
        return Some(Trace::Location);
    }
    match tag {
        Tag::BodySerialNumber | Tag::LensSerialNumber | Tag::CameraOwnerName | Tag::ImageUniqueID => {
            Some(Trace::SerialNumber)
        }
        Tag::Make | Tag::Model | Tag::LensMake | Tag::LensModel | Tag::Software | Tag::MakerNote => Some(Trace::Device),
        Tag::DateTime | Tag::DateTimeOriginal | Tag::DateTimeDigitized => Some(Trace::Time),
        Tag::Artist | Tag::Copyright => Some(Trace::Author),
        Tag::UserComment | Tag::ImageDescription => Some(Trace::Comment),
        _ => None,
    }
}
