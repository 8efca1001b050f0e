//! How large a picture may be, and making it so: Lanczos, in bands, over its own source.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use super::pixels::{Layout, Pixels};
use super::{Fit, PictureError, Target};

/// Rows made at a time.
const BAND: usize = 128;

/// The largest size, as shown, at which a picture is taken; its own where that is within the limits.
pub(super) fn within(size: (u32, u32), target: &Target, animated: bool) -> (u32, u32) {
    let boxed = match target.fit {
        Some(fit) if !animated => into_box(size, box_for(size, fit)),
        _ => size,
    };
    into_pixels(boxed, target.max_pixels.max(1))
}

fn box_for((width, height): (u32, u32), fit: Fit) -> (u32, u32) {
    match width.cmp(&height) {
        std::cmp::Ordering::Greater => fit.landscape,
        std::cmp::Ordering::Less => fit.portrait,
        std::cmp::Ordering::Equal => fit.square,
    }
}

fn into_box((width, height): (u32, u32), (box_width, box_height): (u32, u32)) -> (u32, u32) {
    if width <= box_width && height <= box_height {
        return (width, height);
    }
    let (w, h) = (u64::from(width), u64::from(height));
    let (bw, bh) = (u64::from(box_width.max(1)), u64::from(box_height.max(1)));
    let rounded = |side: u64| u32::try_from(side).unwrap_or(u32::MAX).max(1);
    if w * bh > h * bw {
        (rounded(bw), rounded((h * bw + w / 2) / w))
    } else {
        (rounded((w * bh + h / 2) / h), rounded(bh))
    }
}

fn into_pixels((width, height): (u32, u32), most: u64) -> (u32, u32) {
    let (w, h) = (u64::from(width), u64::from(height));
    if w * h <= most {
        return (width, height);
    }
    // The largest width whose height, kept in proportion and rounded down, stays within the count.
    let new_width = (u128::from(most) * u128::from(w) / u128::from(h)).isqrt().max(1);
    let new_width = u32::try_from(new_width).unwrap_or(width).min(width);
    let new_height = (u64::from(new_width) * h / w).clamp(1, most / u64::from(new_width).min(most));
    (new_width, u32::try_from(new_height).unwrap_or(height).max(1))
}

/// Scales down in place. `to` is the size as stored, no side larger than before.
pub(super) fn resize(pixels: &mut Pixels, to: (u32, u32)) -> Result<(), PictureError> {
    let from = pixels.size();
    if from == to {
        return Ok(());
    }
    let failed = |what: &dyn std::fmt::Display| PictureError::Impossible(format!("scaling failed: {what}"));
    let (kind, options) = match pixels.layout {
        Layout::Grey => (PixelType::U8, ResizeOptions::new()),
        Layout::Rgb => (PixelType::U8x3, ResizeOptions::new()),
        Layout::Rgba => (PixelType::U8x4, ResizeOptions::new()),
        Layout::Inks => (PixelType::U8x4, ResizeOptions::new().use_alpha(false)),
    };
    let options = options.resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3));
    let channels = pixels.layout.channels();
    let (source_row, target_row) = (from.0 as usize * channels, to.0 as usize * channels);
    let (source_rows, target_rows) = (from.1 as usize, to.1 as usize);
    let ratio = f64::from(from.1) / f64::from(to.1);
    // Lanczos3 looks three target rows to either side; two more make sure that a band equals the whole.
    let reach = 3.0 * ratio.max(1.0) + 2.0;
    let mut resizer = Resizer::new();
    // Rows that are made but whose place still holds source that the next band needs.
    let mut waiting: Vec<u8> = Vec::new();
    let mut written = 0;
    for first in (0..target_rows).step_by(BAND) {
        let last = (first + BAND).min(target_rows);
        let (top, bottom) = (row_f64(first) * ratio, row_f64(last) * ratio);
        let source_first = row_of(top - reach).min(source_rows - 1);
        let source_last = row_of((bottom + reach).ceil()).min(source_rows);
        let height = u32::try_from(source_last - source_first).map_err(|e| failed(&e))?;
        let source = &pixels.data[source_first * source_row..source_last * source_row];
        let source = ImageRef::new(from.0, height, source, kind).map_err(|e| failed(&e))?;
        let band_rows = u32::try_from(last - first).map_err(|e| failed(&e))?;
        let mut band = Image::new(to.0, band_rows, kind);
        // Rounding may put the last band's edge a hair below the source.
        let span = (bottom - top).min(f64::from(height) - (top - row_f64(source_first)));
        let window = options.crop(0.0, top - row_f64(source_first), f64::from(from.0), span);
        resizer.resize(&source, &mut band, &window).map_err(|e| failed(&e))?;
        waiting.extend_from_slice(band.buffer());
        let next_needs = if last == target_rows {
            source_rows
        } else {
            row_of(bottom - reach).min(source_rows - 1)
        };
        let free = (next_needs * source_row).saturating_sub(written).min(waiting.len());
        pixels.data[written..written + free].copy_from_slice(&waiting[..free]);
        written += free;
        waiting.drain(..free);
    }
    pixels.data.truncate(target_rows * target_row);
    pixels.data.shrink_to_fit();
    (pixels.width, pixels.height) = to;
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "row numbers stay far below 2^52")]
fn row_f64(row: usize) -> f64 {
    row as f64
}

/// A row number from a position, never below the first row.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to row numbers"
)]
fn row_of(position: f64) -> usize {
    position.clamp(0.0, f64::from(u32::MAX)) as usize
}
