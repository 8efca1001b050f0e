//! Randomness, passed in wherever it matters, so that tests own it.

use std::sync::atomic::{AtomicU64, Ordering};

/// Where random bits come from.
pub trait Entropy: Send + Sync + std::fmt::Debug {
    /// 64 random bits.
    fn bits(&self) -> u64;

    /// 128 random bits.
    fn key(&self) -> [u8; 16] {
        let mut key = [0; 16];
        key[..8].copy_from_slice(&self.bits().to_le_bytes());
        key[8..].copy_from_slice(&self.bits().to_le_bytes());
        key
    }

    /// A number from 0 up to, not including, 1.
    #[allow(clippy::cast_precision_loss)] // 53 bits fit
    fn fraction(&self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Numbers that look random and repeat with the seed (SplitMix64). For tests.
#[derive(Debug)]
pub struct SeededEntropy(AtomicU64);

impl SeededEntropy {
    /// Starts from this seed.
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
}

impl Entropy for SeededEntropy {
    fn bits(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut z = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
