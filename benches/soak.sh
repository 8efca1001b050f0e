#!/usr/bin/env bash
# What takes long: ten minutes of 1080p60 brought below 40 MiB, the same without ffmpeg on the PATH, and 300 MB uploaded to a
# PeerTube over a connection that is cut three times. `soak.sh SECONDS BYTES` is another length and limit; SOAK_FILMS keeps the
# films there.
. "$(dirname "$0")/lib.sh"
length=${1:-600}
limit=${2:-41943040}
most=$((limit - 65536))
films=${SOAK_FILMS:-$work/films}
mkdir -p "$films"

has ffmpeg || fail "there is no ffmpeg to soak"

# Twenty seconds of moving patterns, a fractal and noise, with a white flash at 0 and 10 seconds, once per size.
loop() { # FILE WIDTH HEIGHT FPS KBIT
    [ -s "$films/loop-$1" ] || ffmpeg -v error -nostdin -y \
        -f lavfi -i "testsrc2=s=$2x$3:r=$4:d=20" -f lavfi -i "mandelbrot=s=960x540:r=$4" -filter_complex \
        "[1:v]trim=end=20,format=yuv420p,scale=$2:$3:flags=neighbor[m];[0:v]format=yuv420p[t];
         [t][m]blend=all_mode=average,noise=alls=6:allf=t,drawbox=c=white:t=fill:enable='lt(mod(t,10),0.25)'[v]" \
        -map '[v]' -c:v libx264 -preset veryfast -b:v "$5k" -maxrate "$(($5 * 3 / 2))k" -bufsize "$(($5 * 2))k" \
        -g $(($4 * 2)) -pix_fmt yuv420p "$films/loop-$1"
}
# The same again and again, with a beep at each flash.
film() { # FILE
    [ -s "$films/$length/$1" ] || ffmpeg -v error -nostdin -y -stream_loop -1 -i "$films/loop-$1" -f lavfi -i \
        "aevalsrc='if(lt(mod(t,10),0.25),0.5*sin(2*PI*1000*t),0.004*(random(0)-0.5))':s=48000:d=$length" \
        -map 0:v -map 1:a -c:v copy -c:a aac -b:a 128k -t "$length" -movflags +faststart "$films/$length/$1"
}
mkdir -p "$films/$length"
loop 1920x1080-60.mp4 1920 1080 60 6000
film 1920x1080-60.mp4
loop 854x480-30.mp4 854 480 30 1200
film 854x480-30.mp4
best=$films/$length/1920x1080-60.mp4
renditions=("$best" "$films/$length/854x480-30.mp4")

duration() { ffprobe -v error -show_entries format=duration -of csv=p=0 "$1"; }

# Lines of "flash beep", in seconds; the first of each begins with the film and tells nothing.
events() {
    ffmpeg -v error -nostdin -i "$1" -an -vf \
        "scale=32:18:flags=area,signalstats,metadata=mode=print:key=lavfi.signalstats.YAVG:file=-" -f null - |
        awk -F'[:=]' '/pts_time/ { t = $NF } /YAVG/ { if ($NF > 200 && !on && t > 1) print t; on = $NF > 200 }' > "$work/flashes"
    ffmpeg -v info -nostdin -i "$1" -vn -af silencedetect=noise=-30dB:d=1 -f null - 2>&1 |
        sed -n 's/.*silence_end: \([0-9.]*\).*/\1/p' | awk -v end="$(duration "$1")" '$1 < end - 0.5' > "$work/beeps"
    paste "$work/flashes" "$work/beeps"
}
# The mean and the largest distance from flash to beep, in milliseconds, and how many there were.
offsets() {
    awk 'NF == 2 { d = ($2 - $1) * 1000; sum += d; if (d < 0) d = -d; if (d > most) most = d; n++ }
         END { if (!n) exit 1; printf "%.1f %.1f %d\n", sum / n, most, n }'
}

echo "== $length seconds of 1080p60 for a Mastodon that takes less than $limit bytes"
for file in "${renditions[@]}"; do
    bytes=$(stat -c %s "$file")
    echo "rendition $(basename "$file" .mp4): $bytes bytes"
    [ "$bytes" -gt "$limit" ] || fail "it isn't too large"
done
open_islands video "$limit" "${renditions[@]}"
export TOMBOLO_LOG=warn,tombolo_media=debug
measured tombolo_sync
unset TOMBOLO_LOG
grep -q '"published":1' "$work/out" || { cat "$work/out" "$work/err"; fail "the video was not published"; }
whole="$took s, $cpu s of processor" memory=$peak
cp "$work/err" "$work/log"
grep -o '"reason":"[^"]*"' "$work/out" | head -n 1
close_islands
made=$(said arrived)
[ "$(said statuses)" = 1 ] || fail "$(said statuses) statuses"
[ "$(said type)" = video/mp4 ] || fail "it is $(said type)"

bytes=$(said bytes)
share=$(awk "BEGIN { printf \"%.2f\", $bytes / $most * 100 }")
echo "arrived: $bytes bytes, $share % of $most"
at_least "$share" 97 && [ "$bytes" -le "$most" ] || fail "not between 97 and 100 %"
ffprobe -v error -show_entries stream=codec_name,width,height,avg_frame_rate,bit_rate,duration -of compact=p=0 "$made"

first=$(ffprobe -v trace "$made" 2>&1 | grep -o "type:'\(moov\|mdat\)'" | head -n 1)
[ "$first" = "type:'moov'" ] || fail "the index is not in front"
wrong=$(ffmpeg -v error -nostdin -xerror -i "$made" -f null - 2>&1) || fail "it does not play: $wrong"
[ -z "$wrong" ] || fail "it does not play well: $wrong"
was=$(duration "$best") is=$(duration "$made")
at_most "$(awk "BEGIN { d = $is - $was; print (d < 0 ? -d : d) }")" 0.1 || fail "$is seconds, not $was"
echo "plays to its end, index in front, $is seconds (source: $was)"

read -r source_mean source_most source_events <<< "$(events "$best" | offsets)"
read -r mean largest seen <<< "$(events "$made" | offsets)"
echo "flash to beep: source $source_mean ms in the mean, $source_most at most, $source_events events"
echo "               made   $mean ms in the mean, $largest at most, $seen events"
[ "$seen" = "$source_events" ] && [ "$seen" -ge $(((length - 1) / 10)) ] || fail "flashes or beeps are missing"
at_most "$largest" 45 || fail "sound and picture are apart"

# The commands of the log by hand: the sound, the first pass, and the last of the second ones.
bare=$work/bare
mkdir -p "$bare"
commands() { sed -n 's/.* ffmpeg command=//p' "$work/log"; }
{
    commands | grep -e ' -c:a aac ' | tail -n 1
    commands | grep -e ' -pass 1 ' | tail -n 1
    commands | grep -e ' -pass 2 ' | tail -n 1
} | awk -v best="$best" -v bare="$bare" '{
    # The source where it is; what is made, here.
    for (i = 1; i <= NF; i++) if ($i ~ /^file:/) {
        name = $i; sub(/.*\//, "", name)
        if ($(i - 1) == "-i" && !source) source = $i
        $i = $i == source ? "file:" best : "file:" bare "/" name
    }
    sub(/ffmpeg /, "ffmpeg -y -nostdin -v error "); print
}' > "$work/commands"
echo "bare ffmpeg, as logged:"
sed 's/^/  $ /' "$work/commands"
by_hand() { cd "$bare" && exec bash -e "$work/commands"; }
measured by_hand
echo "time: tombolo sync $whole, $memory MiB at its peak without ffmpeg's own"
echo "      bare ffmpeg  $took s, $cpu s of processor"
echo "  ffmpeg was run $(commands | wc -l) times, of these for second passes: $(commands | grep -c -e ' -pass 2 ')"

echo "== the same without ffmpeg on the PATH"
open_islands video "$limit" "${renditions[@]}"
mkdir -p "$work/nothing"
PATH_OF_PROGRAM=$work/nothing measured tombolo_sync
close_islands
grep -q '"published":1' "$work/out" || { cat "$work/out" "$work/err"; fail "nothing was published"; }
grep -o '"reason":"[^"]*"' "$work/out"
grep -q 'ffmpeg was not found on PATH' "$work/out" || fail "the output does not say why"
case $(said type) in image/*) echo "arrived: $(said type), $(said bytes) bytes, alternative text “$(said alt)”" ;; *) fail "it is $(said type)" ;; esac

echo "== 300 MB for a PeerTube, the connection cut three times"
open_islands upload 314585600 11534336 128974855 314572801
measured tombolo_sync
close_islands
grep -q '"published":1' "$work/out" || { cat "$work/out" "$work/err"; fail "the video was not uploaded"; }
[ "$(said videos)" = 1 ] || fail "$(said videos) videos"
[ "$(said unfinished)" = 0 ] || fail "$(said unfinished) uploads are left unfinished"
[ "$(said cuts)" = 3 ] || fail "the connection was cut $(said cuts) times"
[ "$(said sha256)" = "$(said source_sha256)" ] || fail "the video is not the file"
echo "one video of $(said bytes) bytes in $(said chunks) chunks over $(said cuts) cuts, the very file: sha256 $(said sha256)"
echo "time: $took s ($cpu s of processor), $peak MiB at its peak"
