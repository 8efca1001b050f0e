//! Colour profiles: whether one means sRGB, and if not, the pixels converted so that none is needed.
//!
//! A profile never leaves with the picture: sRGB is what its absence means, and others name monitors and scanners.

use std::sync::Arc;

use moxcms::{ColorProfile, DataColorSpace, TransformExecutor, TransformOptions};

use super::pixels::{Layout, Pixels};

/// Converted colours may differ by this many of 255 steps and still count as the same.
const SAME: u8 = 2;

/// A profile whose colours are not sRGB's. One that can't be read or used is treated as absent, as viewers do.
pub(super) struct Conversion {
    profile: ColorProfile,
}

impl Conversion {
    /// `None` when the picture's colours are sRGB as they are.
    pub fn needed(profile: &[u8], inks: bool) -> Option<Self> {
        let profile = ColorProfile::new_from_slice(profile).ok()?;
        let conversion = Self { profile };
        let same = match conversion.profile.color_space {
            DataColorSpace::Rgb if !inks => conversion.keeps_rgb()?,
            DataColorSpace::Gray if !inks => {
                let table = conversion.grey_table()?;
                (0..=u8::MAX)
                    .zip(table)
                    .all(|(before, after)| before.abs_diff(after) <= SAME)
            }
            DataColorSpace::Cmyk if inks => {
                conversion.executor(moxcms::Layout::Rgba, moxcms::Layout::Rgb)?;
                false
            }
            _ => return None,
        };
        (!same).then_some(conversion)
    }

    /// Converts the pixels to sRGB; `false` when the profile doesn't fit them and nothing was done.
    pub fn apply(&self, pixels: &mut Pixels) -> bool {
        match (self.profile.color_space, pixels.layout) {
            (DataColorSpace::Gray, Layout::Grey) => {
                let Some(table) = self.grey_table() else { return false };
                pixels
                    .data
                    .iter_mut()
                    .for_each(|value| *value = table[usize::from(*value)]);
                true
            }
            (DataColorSpace::Gray, Layout::Rgb | Layout::Rgba) => {
                let Some(table) = self.grey_table() else { return false };
                for pixel in pixels.data.chunks_exact_mut(pixels.layout.channels()) {
                    pixel[..3]
                        .iter_mut()
                        .for_each(|value| *value = table[usize::from(*value)]);
                }
                true
            }
            (DataColorSpace::Rgb, Layout::Rgb) => self.convert_rows(pixels, moxcms::Layout::Rgb),
            (DataColorSpace::Rgb, Layout::Rgba) => self.convert_rows(pixels, moxcms::Layout::Rgba),
            (DataColorSpace::Cmyk, Layout::Inks) => self.convert_inks(pixels),
            _ => false,
        }
    }

    fn executor(
        &self,
        from: moxcms::Layout,
        to: moxcms::Layout,
    ) -> Option<Arc<dyn TransformExecutor<u8> + Send + Sync>> {
        self.profile
            .create_transform_8bit(from, &ColorProfile::new_srgb(), to, TransformOptions::default())
            .ok()
    }

    /// Tried on colours all over the cube: what changes none of them is sRGB, whatever its name.
    fn keeps_rgb(&self) -> Option<bool> {
        let steps = || (0..=8u8).map(|i| i.saturating_mul(32));
        let before = steps()
            .flat_map(|r| steps().flat_map(move |g| steps().flat_map(move |b| [r, g, b])))
            .collect::<Vec<_>>();
        let mut after = vec![0; before.len()];
        self.executor(moxcms::Layout::Rgb, moxcms::Layout::Rgb)?
            .transform(&before, &mut after)
            .ok()?;
        Some(before.iter().zip(&after).all(|(a, b)| a.abs_diff(*b) <= SAME))
    }

    fn grey_table(&self) -> Option<Vec<u8>> {
        let before = (0..=u8::MAX).collect::<Vec<_>>();
        let mut after = vec![0; 256 * 3];
        self.executor(moxcms::Layout::Gray, moxcms::Layout::Rgb)?
            .transform(&before, &mut after)
            .ok()?;
        Some(after.chunks_exact(3).map(|rgb| rgb[1]).collect())
    }

    fn convert_rows(&self, pixels: &mut Pixels, layout: moxcms::Layout) -> bool {
        let Some(executor) = self.executor(layout, layout) else {
            return false;
        };
        let row_bytes = pixels.width as usize * pixels.layout.channels();
        let mut row = vec![0; row_bytes];
        for target in pixels.data.chunks_exact_mut(row_bytes) {
            row.copy_from_slice(target);
            if executor.transform(&row, target).is_err() {
                return false;
            }
        }
        true
    }

    fn convert_inks(&self, pixels: &mut Pixels) -> bool {
        let Some(executor) = self.executor(moxcms::Layout::Rgba, moxcms::Layout::Rgb) else {
            return false;
        };
        let width = pixels.width as usize;
        let mut rgb = vec![0; width * 3];
        for y in 0..pixels.height as usize {
            if executor
                .transform(&pixels.data[y * width * 4..(y + 1) * width * 4], &mut rgb)
                .is_err()
            {
                return false;
            }
            pixels.data[y * width * 3..(y + 1) * width * 3].copy_from_slice(&rgb);
        }
        pixels.data.truncate(width * 3 * pixels.height as usize);
        pixels.layout = Layout::Rgb;
        true
    }
}

/// Inks without a usable profile: each colour is what ink and black leave of white.
pub(super) fn plain_inks(pixels: &mut Pixels) {
    if pixels.layout == Layout::Inks {
        pixels.narrow(|[c, m, y, k]| {
            [c, m, y].map(|ink| {
                let left = (255 - u32::from(ink)) * (255 - u32::from(k));
                u8::try_from((left + 127) / 255).unwrap_or(u8::MAX)
            })
        });
    }
}
