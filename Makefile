# The door. `make demo` and `make check` do all the set-up they need on Debian 12; see README.md.

# A simulation of your own: make sim SEEDS=1000000 FIRST=1
SEEDS ?= 2000
FIRST ?= 1

.PHONY: build demo check check-traefik sim bench install clean

build:
	@tools/setup build
	@tools/build release

demo: build
	@build/g3nops demo

check:
	@tools/setup check
	@tools/check

# The gate behind a real Traefik, which takes five minutes to build; everything else of tests/e2e is in check.
check-traefik:
	@tools/setup check
	@tools/traefik
	@tools/build release
	@tools/e2e -k traefik

sim:
	@tools/setup build
	@tools/build sim
	@build/sim/tests/sim/sim --seeds $(SEEDS) --first $(FIRST) --jobs "$$(nproc)"

bench:
	@tools/setup bench
	@tools/build release
	@bench/run

PREFIX ?= /usr/local
install: build
	@tools/install "$(DESTDIR)$(PREFIX)"

clean:
	rm -rf build
