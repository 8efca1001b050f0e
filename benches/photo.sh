#!/usr/bin/env bash
# A photo of 48 megapixels and some 30 MB, stored on its side and full of metadata, from one Mastodon to another with Mastodon's
# defaults: whether it arrives as it should, and time and memory beside vipsthumbnail and ImageMagick.
. "$(dirname "$0")/lib.sh"
# Mastodon's defaults: fewer bytes than this, at most so many pixels.
max_bytes=16777216
max_pixels=33177600
photo=$work/photo.jpg

open_islands photo
echo "photo: $(stat -c %s "$photo") bytes, $(said stored) pixels as stored"
if has exiftool; then
    exiftool -s -Orientation -GPSPosition -SerialNumber -Model -ThumbnailImage "$photo" | sed 's/^/  /'
fi

best_of 3 tombolo_sync -q
grep -q '"published":1' "$work/out" || { cat "$work/out" "$work/err"; fail "the photo was not published"; }
whole="$took s ($cpu s of processor), $peak MiB at its peak"
best_of 3 ./target/release/examples/picture "$photo" "$work/picture.jpg" $((max_bytes - 1)) $max_pixels
alone="$took s ($cpu s of processor), $peak MiB at its peak"
did=$(cat "$work/out")
quality=$(sed -n 's/.*quality \([0-9]*\).*/\1/p' "$work/out")
size=$(sed -n 's/.*, \([0-9]*\)×\([0-9]*\),.*/\1x\2/p' "$work/out")
close_islands

arrived=$(said arrived)
[ -s "$arrived" ] || fail "no picture has arrived"
[ "$(said bytes)" -lt "$max_bytes" ] || fail "too large: $(said bytes) bytes"
[ "$(said alt)" = "$(said meant_alt)" ] || fail "the alternative text is “$(said alt)”"
[ "$(said focus)" = "$(said meant_focus)" ] || fail "the focal point is $(said focus)"
echo "arrived: $(said type), $size, $(said bytes) bytes; alternative text and focal point kept"
echo "  $did"

if has exiftool; then
    told=$(exiftool -a -G1 -s --System:all "$arrived")
    if echo "$told" | grep -Ei 'GPS|serial|maker|model|owner|thumbnail|XMP'; then fail "it tells more than it should"; fi
    if echo "$told" | grep Orientation | grep -v 'Horizontal (normal)'; then fail "it is marked as turned"; fi
    echo "exiftool: no place, no device, no thumbnail, nothing to turn"
else
    echo "exiftool is not installed: what it would say is SKIPPED"
fi

# ImageMagick 7 is called magick, Debian's 6 has a long name too; convert may be anything, so it is asked.
magick=
for name in magick convert-im6.q16 convert; do
    if has $name && $name -version 2> /dev/null | grep -q ImageMagick; then magick=$name && break; fi
done

if [ -n "$magick" ]; then
    # The mean colour of each quarter, in the order of reading.
    $magick "$arrived" -scale '2x2!' -depth 8 rgb:- | od -An -v -tu1 -w12 > "$work/colours"
    said quarters | paste -d' ' - "$work/colours" | awk '{
        for (i = 1; i <= 12; i++) { d = $i - $(i + 12); if (d > 12 || d < -12) exit 1 }
    }' || fail "it is not upright: quarters of $(cat "$work/colours"), not $(said quarters)"
    echo "$magick: upright, by the colours of its quarters"
fi

echo "time and memory, best of three, to $size at quality $quality:"
echo "  tombolo sync:  $whole (whole program: download, upload and ledger too)"
echo "  example picture: $alone"
if has vipsthumbnail; then
    best_of 3 vipsthumbnail "$photo" --size "$size" -o "$work/vips.jpg[Q=$quality,strip]"
    echo "  vipsthumbnail: $took s ($cpu s of processor), $peak MiB at its peak, $(stat -c %s "$work/vips.jpg") bytes"
else
    echo "  vipsthumbnail is not installed: SKIPPED"
fi
if [ -n "$magick" ]; then
    best_of 3 "$magick" "$photo" -auto-orient -resize "$size" -strip -quality "$quality" "$work/magick.jpg"
    echo "  ImageMagick:   $took s ($cpu s of processor), $peak MiB at its peak, $(stat -c %s "$work/magick.jpg") bytes"
    if [ -s "$work/vips.jpg" ]; then
        psnr() { "$magick" compare -metric PSNR "$1" "$2" null: 2>&1 || true; }
        [ "$magick" = magick ] || psnr() { "${magick/convert/compare}" -metric PSNR "$1" "$2" null: 2>&1 || true; }
        echo "  PSNR to vipsthumbnail's: tombolo $(psnr "$arrived" "$work/vips.jpg"), ImageMagick $(psnr "$work/magick.jpg" "$work/vips.jpg")"
    fi
else
    echo "  ImageMagick is not installed: SKIPPED, and whether it is upright"
fi
