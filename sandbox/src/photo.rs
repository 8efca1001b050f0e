//! A photo as a large camera writes it: dozens of megapixels full of fine detail, stored lying on its side, and telling where
//! and with what it was taken. Made on the spot, always the same.

use std::io::{self, Cursor};

use bytes::Bytes;
use exif::experimental::Writer;
use exif::{Field, In, Rational, Tag, Value};
use jpeg_encoder::{ColorType, Encoder};

/// Pixels across and down as a sensor of 48 megapixels stores them: shown upright, it is higher than wide.
pub const STORED: (u16, u16) = (8064, 6048);
/// The colours of the four quarters as the photo is shown: top left, top right, bottom left, bottom right.
pub const QUARTERS: [[u8; 3]; 4] = [[200, 70, 70], [80, 180, 90], [70, 90, 200], [200, 190, 90]];
/// Words of its metadata: none of them may be in a copy.
pub const SECRETS: [&str; 6] = [
    "TomboloMaker",
    "TomboloModel",
    "SN-4711-0815",
    "TomboloOwner",
    "GPSLatitude",
    "2026:01:02 03:04:05",
];
/// "Turned by 90 degrees": a camera that was held upright.
const ORIENTATION: u16 = 6;
/// As cameras set it for their best pictures.
const QUALITY: u8 = 93;
/// How far detail strays from a quarter's colour: about five bits a pixel at that quality.
const DETAIL: u8 = 26;
/// So many different rows of detail are made; a photo's rows are pieces of them.
const ROWS: usize = 61;
/// By so many pixels at most a row is shifted, so that no two neighbours are alike.
const SHIFT: usize = 64;

/// A photo with this many pixels as it is stored. Shown, it is turned: what is across here is down there.
pub fn photo((width, height): (u16, u16)) -> io::Result<Bytes> {
    let pixels = pixels(usize::from(width), usize::from(height));
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, QUALITY);
    let exif = exif(&thumbnail()?)?;
    encoder.add_app_segment(1, exif).map_err(io::Error::other)?;
    encoder.add_app_segment(1, xmp()).map_err(io::Error::other)?;
    encoder
        .encode(&pixels, width, height, ColorType::Rgb)
        .map_err(io::Error::other)?;
    Ok(file.into())
}

/// The quarters as they are stored, by rows: the left column, shown, is the bottom row here.
fn stored() -> [[[u8; 3]; 2]; 2] {
    let [top_left, top_right, bottom_left, bottom_right] = QUARTERS;
    [[top_right, bottom_right], [top_left, bottom_left]]
}

fn pixels(width: usize, height: usize) -> Vec<u8> {
    let left = width / 2;
    let right = width - left;
    let bands = stored().map(|pair| pair.map(|colour| detailed(colour, right + SHIFT)));
    let mut all = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        let [first, second] = &bands[usize::from(y >= height / 2)];
        for (rows, length) in [(first, left), (second, right)] {
            let shift = y * 29 % SHIFT;
            all.extend_from_slice(&rows[y % ROWS][shift * 3..(shift + length) * 3]);
        }
    }
    all
}

/// Rows of a colour with detail.
fn detailed(colour: [u8; 3], length: usize) -> Vec<Vec<u8>> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut pixel = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let [luminance, tint, ..] = state.to_le_bytes();
        let stray = |byte: u8, most: u8| i16::from(byte % (2 * most + 1)) - i16::from(most);
        let (light, tint) = (stray(luminance, DETAIL), stray(tint, DETAIL / 4));
        [light + tint, light, light - tint]
    };
    let row = |_| {
        let mut row = Vec::with_capacity(length * 3);
        for _ in 0..length {
            for (channel, by) in colour.into_iter().zip(pixel()) {
                row.push(channel.saturating_add_signed(i8::try_from(by).unwrap_or_default()));
            }
        }
        row
    };
    (0..ROWS).map(row).collect()
}

/// The small picture that cameras put into the metadata.
fn thumbnail() -> io::Result<Vec<u8>> {
    let mut file = Vec::new();
    let (width, height) = (160, 120);
    Encoder::new(&mut file, 70)
        .encode(&pixels(width.into(), height.into()), width, height, ColorType::Rgb)
        .map_err(io::Error::other)?;
    Ok(file)
}

fn exif(thumbnail: &[u8]) -> io::Result<Vec<u8>> {
    let ascii = |text: &str| Value::Ascii(vec![text.as_bytes().to_vec()]);
    let degrees = |degrees: u32, minutes: u32| {
        let whole = |num| Rational { num, denom: 1 };
        Value::Rational(vec![whole(degrees), whole(minutes), whole(30)])
    };
    let [maker, model, serial, owner, _, taken] = SECRETS;
    let fields = [
        (Tag::Orientation, Value::Short(vec![ORIENTATION])),
        (Tag::Make, ascii(maker)),
        (Tag::Model, ascii(model)),
        (Tag::DateTimeOriginal, ascii(taken)),
        (Tag::BodySerialNumber, ascii(serial)),
        (Tag::CameraOwnerName, ascii(owner)),
        (Tag::GPSLatitudeRef, ascii("N")),
        (Tag::GPSLatitude, degrees(54, 27)),
        (Tag::GPSLongitudeRef, ascii("E")),
        (Tag::GPSLongitude, degrees(10, 1)),
    ]
    .map(|(tag, value)| Field {
        tag,
        ifd_num: In::PRIMARY,
        value,
    });
    let mut writer = Writer::new();
    for field in &fields {
        writer.push_field(field);
    }
    writer.set_jpeg(thumbnail, In::THUMBNAIL);
    let mut tiff = Cursor::new(Vec::new());
    writer.write(&mut tiff, false).map_err(io::Error::other)?;
    Ok([b"Exif\0\0".as_slice(), tiff.get_ref()].concat())
}

/// The place once more, in the other form that phones write.
fn xmp() -> Vec<u8> {
    let [.., place, _] = SECRETS;
    format!(
        "http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF \
         xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\"><rdf:Description \
         xmlns:exif=\"http://ns.adobe.com/exif/1.0/\" exif:{place}=\"54,27.5N\" exif:GPSLongitude=\"10,1.5E\"/>\
         </rdf:RDF></x:xmpmeta>"
    )
    .into_bytes()
}
