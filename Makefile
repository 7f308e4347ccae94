# Two commands matter: `make run` (set-up and the main job) and `make test` (set-up and all tests).
.PHONY: all run test build bench soak fmt lint install setup clean
MESON = meson
NINJA = ninja -j $(shell nproc)

all: build

setup:
	@tools/setup run

build: setup
	@tools/build release build

run: build
	@tools/run

test:
	@tools/setup test
	@tools/build release build
	@tools/build asan build/asan
	@tools/lint
	@tools/test

bench:
	@tools/setup bench
	@tools/build release build
	@bench/run

soak:
	@tools/setup test
	@tools/build release build
	@tools/build fuzz build/fuzz
	@tools/soak

# Only the lines that differ from the last commit: most files hold tables and breaks set by hand that it would undo
# (doc/ARCHITECTURE.md), so tools/lint doesn't ask for it either.
fmt:
	@git clang-format --force --extensions c,h HEAD -- src

lint:
	@tools/lint

install: build
	@$(MESON) install -C build

clean:
	@rm -rf build
