# `make` alone lists what there is. Everything but `help` and `clean` first makes sure of its tools: scripts/setup.sh.
#
# MPI=openmpi or MPI=mpich chooses one of several MPIs that Debian keeps side by side (mpicc.mpich, mpiexec.mpich).
# A program built with one MPI must not run under another's mpiexec, so each has a target folder of its own.

SHELL := /bin/sh
MPI ?=
TARGET := $(if $(CARGO_TARGET_DIR),$(CARGO_TARGET_DIR),$(CURDIR)/target)

ifneq ($(MPI),)
TARGET := $(TARGET)/$(MPI)
SETUP := scripts/setup.sh --mpi $(MPI)
export MPICC := mpicc.$(MPI)
export MPIEXEC := mpiexec.$(MPI)
else
SETUP := scripts/setup.sh
endif
export CARGO_TARGET_DIR := $(TARGET)

MPI_PACKAGES := --package futures-mpi --package futures-mpi-examples --package futures-mpi-tests

# The demo has one worker a core, but at least two.
CORES := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)

.PHONY: help setup setup-core demo test test-core test-mpi build-tests build-tests-mpi test-scripts packages lint clean

help:
	@echo 'make demo          compute a Julia set on spawned workers: target/demo/julia.png'
	@echo 'make test          run all tests'
	@echo 'make test-core     run the tests that need neither MPI nor libclang'
	@echo 'make test-mpi      run the tests of the packages that need MPI'
	@echo 'make build-tests   build what `make test` runs; build-tests-mpi what `make test-mpi` runs'
	@echo 'make test-scripts  test scripts/setup.sh with made-up machines'
	@echo 'make packages      pack what would be published, and use it in a program'
	@echo 'make lint          check format, clippy and documentation, warnings denied'
	@echo 'make setup         install what is missing (compiler, MPI, libclang), saying so first'
	@echo 'make clean         remove what was built'
	@echo 'With MPI=mpich or MPI=openmpi, they use mpicc.mpich or mpicc.openmpi (Debian, Ubuntu).'

setup:
	@$(SETUP)

setup-core:
	@scripts/setup.sh --core

demo: export FUTURES_MPI_MAX_WORKERS ?= $(if $(filter 0 1,$(CORES)),2,$(CORES))
demo: setup
	cargo build --release --package futures-mpi-examples --examples
	@scripts/demo.sh "$$CARGO_TARGET_DIR/release/examples/julia" "$$CARGO_TARGET_DIR/demo"

test: setup
	FUTURES_MPI_TEST_REQUIRE_MPI=1 cargo test --workspace --no-fail-fast

test-core: setup-core
	cargo test --package futures-mpi-core --package futures-mpi-macros --features futures-mpi-core/cbor,futures-mpi-core/stream

# Without those of test-core, for a second MPI beside the first.
test-mpi: setup
	FUTURES_MPI_TEST_REQUIRE_MPI=1 cargo test --no-fail-fast $(MPI_PACKAGES)

build-tests: setup
	cargo test --workspace --no-run

build-tests-mpi: setup
	cargo test $(MPI_PACKAGES) --no-run

test-scripts:
	@scripts/test_setup.sh

packages: setup
	scripts/check_packages.sh

lint: setup
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps
	@if command -v shellcheck >/dev/null 2>&1; then shellcheck scripts/*.sh tests/cluster/*.sh .ci/run; \
	else for script in scripts/*.sh tests/cluster/*.sh .ci/run; do bash -n "$$script" || exit 1; done; fi

clean:
	cargo clean
