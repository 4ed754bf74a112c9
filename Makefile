# The door. `make demo` and `make check` do all the set-up they need; see README.md.

.PHONY: build
build:
	@tools/build release
