//! A photo as a large camera writes it, from one Mastodon to another with Mastodon's defaults.

use std::process::Command;

use image::RgbImage;
use tombolo_mastodon::stand_in::{InstanceLimits, Mastodon, NewMedia, NewStatus, Options, PostedMedia};
use tombolo_sandbox::photo::{QUARTERS, SECRETS, STORED, photo};

use crate::rig::{Tombolo, has};

const ALT: &str = "Four fields, seen from above";

/// Publishes the photo on one server and lets the program carry it to another: what arrived.
async fn carried(photo: bytes::Bytes) -> PostedMedia {
    let (source, target) = (mastodon().await, mastodon().await);
    let account = |name: &str, server: &Mastodon| {
        let (base, token) = (server.base().clone(), server.add_account("me"));
        format!(
            "[accounts.{name}]\nplatform = \"mastodon\"\ninstance = \"{base}\"\nhandle = \"me\"\ntoken = \"{token}\"\n"
        )
    };
    let tombolo = Tombolo::configured(&format!(
        "{}{}[routes.r]\nfrom = \"photos\"\nto = [\"toots\"]\nsince = \"beginning\"\n",
        account("photos", &source),
        account("toots", &target)
    ));
    let medium = NewMedia::new(photo).alt(ALT).focus(0.5, -0.25);
    source
        .publish("me", NewStatus::new("Fields").media(medium))
        .expect("it is published");
    let pass = tombolo.sync(&["--wait", "60s"]).await;
    assert_eq!(pass.count("published"), 1, "{}{}", pass.stdout, pass.stderr);
    let mut statuses = target.statuses("me");
    assert_eq!(statuses.len(), 1);
    statuses.remove(0).media.remove(0)
}

async fn mastodon() -> Mastodon {
    Mastodon::start(Options::default()).await.expect("the stand-in starts")
}

/// The mean colours of the quarters, in the order of reading, by a sample of their pixels.
fn quarters(picture: &RgbImage) -> [[f64; 3]; 4] {
    const EACH: u32 = 60;
    let (width, height) = (picture.width() / 2, picture.height() / 2);
    [(0, 0), (width, 0), (0, height), (width, height)].map(|(left, top)| {
        let mut sums = [0.0; 3];
        for place in 0..EACH * EACH {
            let (x, y) = (place % EACH * width / EACH, place / EACH * height / EACH);
            let pixel = picture.get_pixel(left + x, top + y);
            for (sum, value) in sums.iter_mut().zip(pixel.0) {
                *sum += f64::from(value) / f64::from(EACH * EACH);
            }
        }
        sums
    })
}

/// The ends of a file, where metadata is.
fn ends(bytes: &[u8]) -> Vec<u8> {
    const END: usize = 128 * 1024;
    let (head, tail) = bytes.split_at(END.min(bytes.len()));
    [head, &tail[tail.len().saturating_sub(END)..]].concat()
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_photo_of_48_megapixels_arrives_upright_within_the_limits_without_its_place_and_with_its_alt_text() {
    let original = photo(STORED).expect("a photo");
    // What it is about: too many pixels, too many bytes, on its side, and it tells where it was taken.
    let limits = InstanceLimits::default();
    assert!(original.len() as u64 > limits.image_size_limit && original.len() < 40_000_000);
    assert!(u64::from(STORED.0) * u64::from(STORED.1) > limits.image_matrix_limit);
    for secret in SECRETS {
        assert!(contains(&ends(&original), secret), "{secret}");
    }
    let sent = carried(original).await;

    assert_eq!(sent.media_type, "image/jpeg");
    assert!(sent.size < limits.image_size_limit, "{} bytes", sent.size);
    assert_eq!(sent.description.as_deref(), Some(ALT));
    assert_eq!(sent.focus, Some((0.5, Some(-0.25))));

    let bytes = sent.bytes.expect("it is small enough to be kept");
    let shown = image::load_from_memory(&bytes).expect("a picture").to_rgb8();
    let (width, height) = shown.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    assert!(pixels <= limits.image_matrix_limit, "{width}×{height}");
    // As large as is taken, higher than wide, and as its shape was.
    assert!(pixels * 100 > limits.image_matrix_limit * 99, "{width}×{height}");
    let shape = f64::from(height) / f64::from(width);
    assert!(
        (shape - f64::from(STORED.0) / f64::from(STORED.1)).abs() < 0.001,
        "{width}×{height}"
    );
    for (is, should) in quarters(&shown).into_iter().zip(QUARTERS) {
        let off = is
            .into_iter()
            .zip(should)
            .map(|(is, should)| (is - f64::from(should)).abs());
        assert!(off.fold(0.0, f64::max) < 6.0, "{is:?}, not {should:?}");
    }

    for secret in SECRETS.into_iter().chain(["Exif", "http://ns.adobe.com"]) {
        assert!(!contains(&ends(&bytes), secret), "{secret}");
    }
    let told = exif_by_another_reader(&bytes);
    for word in ["GPS", "Serial", "Make", "Model", "Owner", "Thumbnail", "Orientation"] {
        assert!(!told.contains(word), "{told}");
    }
}

/// What exiftool reads out of a file; nothing where there is no exiftool.
fn exif_by_another_reader(bytes: &[u8]) -> String {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("sent.jpg");
    std::fs::write(&file, bytes).expect("it is written");
    match Command::new("exiftool")
        .args(["-a", "-G1", "-s", "--System:all"])
        .arg(&file)
        .output()
    {
        Ok(output) => {
            let told = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(told.contains("ImageWidth"), "{told}");
            told
        }
        Err(_) => {
            assert!(!has(&["exiftool"]), "exiftool can't be run");
            String::new()
        }
    }
}
