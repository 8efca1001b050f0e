# Two commands matter to a newcomer: `make demo` and `make test`. Both do their own set-up.

CARGO ?= cargo
PREFIX ?= $(HOME)/.local

.PHONY: help demo test lint bench soak install setup

help:
	@echo "make demo     show tombolo at work on a make-believe Fediverse on this machine"
	@echo "make test     run all tests (installs snac2, ffmpeg, exiftool, heif-enc and vips where it may: as root, on Debian 12)"
	@echo "make lint     formatting and clippy, warnings are errors"
	@echo "make bench    a 1 GiB video through, beside curl; a photo of 48 megapixels, beside vips and ImageMagick"
	@echo "make soak     ten minutes of video below 40 MiB, beside ffmpeg; 300 MB up over a cut connection (takes long)"
	@echo "make install  install the tombolo command into PREFIX ($(PREFIX))"

demo: setup
	$(CARGO) build --release --locked --features demo
	./target/release/tombolo demo

test: setup
	@sh .ci/install-tools.sh || echo "some tools are not installed: the tests that need them are SKIPPED (in CI they must run)"
	@sh .ci/install-snac.sh || echo "snac is not installed: the tests against it are SKIPPED (in CI they must run)"
	$(CARGO) test --workspace --locked --features demo

lint: setup
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked --features demo -- --deny warnings

bench: setup
	$(CARGO) build --release --locked -p tombolo -p tombolo-sandbox
	$(CARGO) build --release --locked -p tombolo-media --example picture
	bash benches/stream.sh
	bash benches/photo.sh

soak: setup
	$(CARGO) build --release --locked -p tombolo -p tombolo-sandbox
	bash benches/soak.sh

install: setup
	$(CARGO) install --locked --path . --root $(PREFIX)

setup:
	@command -v $(CARGO) > /dev/null || { echo "tombolo needs a Rust toolchain: cargo was not found"; exit 1; }
	@command -v cc > /dev/null || { echo "tombolo needs a C compiler: cc was not found"; exit 1; }
