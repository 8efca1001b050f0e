//! What a fuzzer calls: plain functions over bytes that must neither panic nor take much memory, whatever the bytes.

use super::work::{Source, check_pixels, prepare};
use super::{Bounds, Target, look, scan};

/// Small bounds, so that a fuzzer's inputs stay quick.
const BOUNDS: Bounds = Bounds {
    bytes: 1 << 20,
    pixels: 1 << 20,
    memory: 16 << 20,
};

/// Walks through a picture's container, and what it says must agree with itself: a stripped file is read again, tells
/// nothing, and has the same size.
///
/// # Panics
/// When stripping breaks a picture or leaves a trace: that is the finding.
pub fn strip(data: &[u8]) {
    let Ok(first) = scan::scan(data) else { return };
    if !first.kind.is_native() {
        return;
    }
    let stripped = first.assemble(data);
    let again = look(&stripped).expect("a stripped picture is readable");
    assert!(again.traces.is_empty(), "left behind: {:?}", again.traces);
    assert_eq!((again.width, again.height), first.stored, "stripping changed the size");
}

/// The whole way of a picture, decoding and encoding included.
///
/// # Panics
/// When the result breaks its limits: that is the finding.
pub fn picture(data: &[u8]) {
    strip(data);
    let Ok(found) = scan::scan(data) else { return };
    if !found.kind.is_native() || check_pixels(&found, &BOUNDS).is_err() {
        return;
    }
    let target = Target {
        types: Vec::new(),
        max_bytes: 20_000,
        max_pixels: 10_000,
        fit: None,
    };
    let source = Source {
        data: data.to_vec().into(),
        kind: found.kind,
        decoded: None,
    };
    if let Ok(prepared) = prepare(source, &target, &BOUNDS) {
        assert!(prepared.bytes.len() <= 20_000, "too many bytes");
        let facts = look(&prepared.bytes).expect("what was written is readable");
        assert!(
            u64::from(facts.width) * u64::from(facts.height) <= 10_000,
            "too many pixels"
        );
    }
}
