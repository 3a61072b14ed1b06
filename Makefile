# docker-offline: build, install and test.
#
# A Debian-like machine with root and Rust is enough; missing packages are installed.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build

# rustup puts cargo where a shell started before it does not look.
export PATH := $(PATH):$(HOME)/.cargo/bin

BINARIES := docker-offline docker-offline-export docker-offline-build docker-offline-diagnose
TARGET_DIR = $(or $(CARGO_TARGET_DIR),target)
RELEASE = $(TARGET_DIR)/$(shell rustc -vV | sed -n 's/^host: //p')/release

# System-wide for root or with SYSTEM=1, for this user otherwise.
INSTALL_FLAGS = $(if $(filter-out 0,$(SYSTEM)),--system) $(if $(PREFIX),--prefix '$(PREFIX)')

.PHONY: build install uninstall test test-all demo bench lint docs clean deps help

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

build: deps ## the four binaries, static
	cargo build --release --locked $(BINARIES:%=-p %)
	@for binary in $(BINARIES); do \
		if LC_ALL=C readelf -l "$(RELEASE)/$$binary" | grep -q INTERP; then \
			echo "error: $(RELEASE)/$$binary is not static" >&2; \
			echo "hint: RUSTFLAGS in the environment hides those of .cargo/config.toml" >&2; \
			exit 1; \
		fi; \
	done

install: build ## PREFIX=, DESTDIR=, SYSTEM=1
	DESTDIR='$(DESTDIR)' scripts/install.sh --from "$(RELEASE)" $(INSTALL_FLAGS)

uninstall: ## with the same PREFIX, DESTDIR and SYSTEM
	DESTDIR='$(DESTDIR)' scripts/install.sh --uninstall $(INSTALL_FLAGS)

test: ## unit tests, then the stories on real engines, with one pair of them
	tests/run.sh pairs

test-all: ## everything: all eight pairs of engines, three rounds
	tests/run.sh all

demo: ## the whole story once: export, carry, build without a network, edit, rebuild
	tests/demo.sh

bench: ## time, size and memory against docker save; of diagnose, and against sha256sum
	tests/bench.sh
	tests/bench_diagnose.sh

lint: deps ## formatting, clippy, licences and advisories, unused dependencies, generated documentation
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo clippy --workspace --test scenarios --locked -- -D warnings
	@if command -v cargo-deny >/dev/null; then cargo deny check; \
	else echo "note: cargo-deny is not installed; licences and advisories were not checked (cargo install cargo-deny)" >&2; fi
	@if command -v cargo-machete >/dev/null; then cargo machete; \
	else echo "note: cargo-machete is not installed; dependencies that nothing uses were not looked for (cargo install cargo-machete)" >&2; fi
	@fresh=$$(mktemp -d); trap 'rm -rf "$$fresh"' EXIT; \
	cargo run --quiet --locked -p docker-offline -- __docs "$$fresh"; \
	if ! diff -r docs/cli "$$fresh/cli" || ! diff -r -x "*schema.json" docs/diagnosis "$$fresh/diagnosis" \
		|| ! diff docs/exit-codes.md "$$fresh/exit-codes.md"; then \
		echo "error: the generated documentation is not that of this source" >&2; \
		echo "hint: make docs, and commit what it changes" >&2; \
		exit 1; \
	fi

docs: deps ## write docs/cli, docs/diagnosis and docs/exit-codes.md anew
	rm -f docs/cli/*.md docs/diagnosis/*.md
	cargo run --quiet --locked -p docker-offline -- __docs docs

clean: ## what was built; engines and images of the lab are removed by tests/lab/lab purge
	cargo clean

deps: ## what a build needs; Rust itself is asked for
	@missing=; \
	for need in cc:gcc readelf:binutils pkg-config:pkg-config git:git; do \
		command -v "$${need%%:*}" >/dev/null || missing="$$missing $${need##*:}"; \
	done; \
	[ -e /usr/include/stdio.h ] || missing="$$missing libc6-dev"; \
	if [ -n "$$missing" ]; then \
		if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
			echo "error: missing:$$missing" >&2; \
			echo "hint: as root: apt-get install$$missing" >&2; \
			exit 1; \
		fi; \
		apt-get update -q; \
		DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $$missing; \
	fi; \
	if ! command -v cargo >/dev/null; then \
		echo "error: Rust is not installed" >&2; \
		echo "hint: version 1.88 or newer: https://rustup.rs, or Debian's package cargo where it is new enough" >&2; \
		exit 1; \
	fi
