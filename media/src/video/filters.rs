//! The chain of filters that makes an upright, progressive, steady, square-pixelled picture in BT.709 of the wanted size.
//!
//! ffmpeg turns a rotated picture upright by itself before the first filter.

use super::{Facts, Ffmpeg, Hdr, settings::Form};

/// A chain, and what a person should know about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chain {
    pub(super) filters: String,
    pub(super) notes: Vec<String>,
}

/// Without `form` frame rate and size stay the source's. `captions` is the name of a WebVTT file in ffmpeg's folder, made of
/// plain characters.
pub(super) fn chain(ffmpeg: &Ffmpeg, facts: &Facts, form: Form, steady: bool, captions: Option<&str>) -> Chain {
    let video = &facts.video;
    let mut filters: Vec<String> = Vec::new();
    let mut notes = Vec::new();
    if video.interlaced {
        let name = if ffmpeg.has("filter:bwdif") { "bwdif" } else { "yadif" };
        filters.push(format!("{name}=mode=send_frame"));
        notes.push("deinterlaced".to_owned());
    }
    if steady {
        // The first frame stands from the very beginning: sound and picture start together.
        filters.push(format!("fps=fps={}:start_time=0", form.fps));
    }
    let (width, height) = (form.width, form.height);
    match video.hdr {
        Some(hdr) if ffmpeg.has("filter:zscale") && ffmpeg.has("filter:tonemap") => {
            let transfer = match hdr {
                Hdr::Pq => "smpte2084",
                Hdr::Hlg => "arib-std-b67",
            };
            let range = if video.full_range { "full" } else { "limited" };
            filters.push(format!("scale={width}:{height}:flags=bicubic,format=yuv420p10le"));
            filters.push(format!(
                "zscale=tin={transfer}:min=2020_ncl:pin=2020:rin={range}:t=linear:npl=100,format=gbrpf32le"
            ));
            filters.push("zscale=p=709,tonemap=tonemap=mobius:desat=0,zscale=t=709:m=709:r=limited".to_owned());
            notes.push("high dynamic range was tone-mapped".to_owned());
        }
        _ => {
            if video.hdr.is_some() {
                notes.push(
                    "this ffmpeg has no zscale and tonemap filters: high dynamic range was converted plainly, and may look pale"
                        .to_owned(),
                );
            }
            let matrix = match video.matrix.as_deref() {
                Some("bt2020nc" | "bt2020c") => "bt2020",
                Some("smpte170m" | "bt470bg" | "bt601") => "bt601",
                Some("bt709") => "bt709",
                Some("smpte240m") => "smpte240m",
                Some("fcc") => "fcc",
                // What isn't said is what players assume: by the height.
                _ if video.width.min(video.height) >= 720 => "bt709",
                _ => "bt601",
            };
            let range = if video.full_range { "full" } else { "limited" };
            let light = ["yuv", "nv", "p0"].iter().any(|kind| video.pix_fmt.starts_with(kind));
            // Pictures of red, green and blue, as animations have them, know neither matrix nor range.
            let mut source = if light {
                format!("in_color_matrix={matrix}:in_range={range}:")
            } else {
                String::new()
            };
            if is_transparent(&video.pix_fmt) && ffmpeg.has("filter:lutrgb") && ffmpeg.has("filter:overlay") {
                filters.push(format!(
                    "scale=flags=bicubic:{source}out_range=full,format=rgba,split[over][under];\
                     [under]lutrgb=r=255:g=255:b=255:a=255[white];[white][over]overlay=format=rgb"
                ));
                source.clear();
            }
            filters.push(format!(
                "scale={width}:{height}:flags=bicubic:{source}out_color_matrix=bt709:out_range=limited"
            ));
        }
    }
    filters.push("setsar=1,format=yuv420p".to_owned());
    if let Some(name) = captions {
        filters.push(format!("subtitles=filename={name}"));
    }
    Chain {
        filters: filters.join(","),
        notes,
    }
}

/// Whether a format of pixels has transparent ones. They are shown on white, as photos' are.
fn is_transparent(pix_fmt: &str) -> bool {
    let kinds = ["yuva", "rgba", "bgra", "argb", "abgr", "gbrap", "ya8", "ya16", "pal8"];
    kinds.iter().any(|kind| pix_fmt.starts_with(kind))
}

/// How the made picture's colours are to be read.
pub(super) const COLOURS: &str =
    "-color_primaries bt709 -color_trc bt709 -colorspace bt709 -color_range tv -pix_fmt yuv420p";
