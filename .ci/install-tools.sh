#!/bin/sh
# Installs the programs that the tests judge and feed tombolo's media work with: ffmpeg (with ffprobe), exiftool, heif-enc,
# vips.
#
# Only with apt and only as root; the mirror is whatever the machine is set up with. Safe to run again.
# Returns 0 when all of them are there in the end; otherwise says which isn't and returns 1.

say() { printf 'install-tools: %s\n' "$*" >&2; }

# The Debian packages of the programs that are missing.
missing() {
    command -v ffmpeg >/dev/null 2>&1 && command -v ffprobe >/dev/null 2>&1 || printf 'ffmpeg '
    command -v exiftool >/dev/null 2>&1 || printf 'libimage-exiftool-perl '
    command -v heif-enc >/dev/null 2>&1 || printf 'libheif-examples '
    command -v vips >/dev/null 2>&1 || printf 'libvips-tools '
}

packages=$(missing)
[ -n "$packages" ] || exit 0
if ! command -v apt-get >/dev/null 2>&1 || [ "$(id -u)" != 0 ]; then
    say "can't be installed from here (needs apt and root): $packages"
    exit 1
fi
# shellcheck disable=SC2086 # A list of packages.
if ! apt-get -q update >&2 ||
    ! DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install $packages >&2; then
    say "apt couldn't install: $packages"
    exit 1
fi
packages=$(missing)
[ -z "$packages" ] || { say "still missing: $packages"; exit 1; }
