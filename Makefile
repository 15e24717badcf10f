# `make demo` runs the main job on what the project carries; `make test` passes the tests. Both install what they need.
SHELL := /bin/bash
.PHONY: build demo demo-llm mpi-packages mpi print-mpi-tool test-mpi check test examples core-examples results torture bench-gate sanitize sanitize-thread sanitize-address fuzz format lint packages docs manual static install dist clean
# The flag lets tests see internals; all targets share it, so that none builds everything anew.
SWIFT_BUILD := swift build -c release -Xswiftc -enable-testing

# OpenBLAS, GSL and zlib, where they are missing (Debian and Ubuntu). A library is there when one of the places has it.
packages:
	@has() { for place; do if [ -e "$$place" ]; then return 0; fi; done; return 1; }; \
	if ! { has /usr/include/cblas.h /usr/include/*/cblas.h && has /usr/lib/libopenblas.so /usr/lib/*/libopenblas.so \
	    && has /usr/include/gsl/gsl_rng.h && has /usr/include/zlib.h; }; then \
	  sudo=$$([ $$(id -u) = 0 ] || echo sudo); \
	  $$sudo apt-get update && $$sudo apt-get install -y libopenblas-dev libgsl-dev zlib1g-dev; \
	fi

build: packages
	$(SWIFT_BUILD)

demo: packages
	$(SWIFT_BUILD) --product zeroth
	.build/release/zeroth demo

# The tool with MPI, in a folder of its own, as the trait is compiled into every module. Where MPI is not Debian's, MPI_FLAGS says
# where it lies: -Xcc -I/opt/mpi/include -Xlinker -L/opt/mpi/lib.
MPI_FLAGS ?=
MPI_BUILD := swift build -c release -Xswiftc -enable-testing --traits MPI --scratch-path .build/mpi $(MPI_FLAGS)

mpi-packages: packages
	@if [ -z "$(MPI_FLAGS)" ] && ! { command -v mpirun >/dev/null && ls /usr/include/mpi.h /usr/include/*/mpi/mpi.h 2>/dev/null | grep -q .; }; then \
	  sudo=$$([ $$(id -u) = 0 ] || echo sudo); \
	  $$sudo apt-get update && $$sudo apt-get install -y openmpi-bin libopenmpi-dev; \
	fi

mpi: mpi-packages
	$(MPI_BUILD) --product zeroth

print-mpi-tool:
	@echo $(CURDIR)/.build/mpi/release/zeroth

# Runs under mpirun, killed and resumed ones among them. MPI_TESTS names a part of them.
MPI_TESTS ?=
test-mpi: mpi
	Tests/Distributed/distributed.py $(CURDIR)/.build/mpi/release/zeroth $(MPI_TESTS)
	Tests/Distributed/hosts.py $(CURDIR)/.build/mpi/release/zeroth

# Fetches a language model in 4 bits with pip, and fine-tunes it.
demo-llm: packages
	$(SWIFT_BUILD) --product zeroth
	Benchmarks/demo-llm.sh

# The tests run in release: a debug build is 30 to 100 times slower in numeric loops.
SWIFT_TEST := swift test -c release -Xswiftc -enable-testing --skip-build

# What one runs between edits. Left to `make test` are whole runs, every composition, libraries and packages of one's own,
# what reads whole data sets, and the tests that go through thousands of inputs or every model on every number of threads.
WHOLE := ^(Composition|Plugin|Scaffold|ZerothBenchmarks|ZerothCommands|ZerothTraining)Tests\.
MANY := RealSplit|zeroShotOf|longTexts|everyCut|everyScalar|keysDiffer|normalNoise|densityOneIsUnbiased|gzipOpens
MANY := $(MANY)|causalValuesAreTheSame|damagedFilesNeverCrash
MANY := $(MANY)|(sameBitsForAnyNumberOfThreads|eachPointHasTheValuesThatItHasAlone)\(model
check: packages lint
	$(SWIFT_BUILD) --build-tests
	$(SWIFT_TEST) --skip '$(WHOLE)' --skip '$(MANY)'

test: packages lint core-examples
	$(SWIFT_BUILD) --build-tests
	mkdir -p .build
	set -o pipefail; $(SWIFT_TEST) 2>&1 | tee .build/test.log
	@Tests/skipped.sh .build/test.log
	$(SWIFT_BUILD) --product zeroth
	Tests/Torture/torture.sh .build/release/zeroth 4 lozo-m dizo

# Runs of every preset that are killed and whose files are damaged, many times.
KILLS ?= 120
torture: packages
	$(SWIFT_BUILD) --product zeroth
	Tests/Torture/torture.sh .build/release/zeroth $(KILLS)

# Programs on the public API alone, in a package of their own. The checkpointed loop is killed at random moments. `make test` runs those
# that need the core alone; the others compile the whole package once more.
examples: core-examples
	swift build -c release --package-path Examples
	Examples/.build/release/OwnReward 4
	Examples/.build/release/OwnTool train --model imdb-opt --task sst2 --k 8 --test 16 --estimator lge --rule clipped \
	  --learning-rate 5e-5 --steps 2

core-examples: packages
	swift build -c release --package-path Examples --product BlackBox
	swift build -c release --package-path Examples --product CheckpointedLoop
	Examples/.build/release/BlackBox 200
	Examples/killed.sh Examples/.build/release/CheckpointedLoop

# The tables and figures of docs, from the results that are kept in Benchmarks/results.
results: packages
	$(SWIFT_BUILD) --product zeroth
	Benchmarks/fill-results.py .build/release/zeroth

# Speed and memory as ratios within one run, against the bars of docs/performance.md: on a machine that does nothing else.
bench-gate: packages
	$(SWIFT_BUILD) --product zeroth
	Benchmarks/gate.py .build/release/zeroth

# The tests under sanitizers, and made-up files for every reader (Tests/Fuzz), each for so many seconds.
FUZZ_SECONDS ?= 20
sanitize: sanitize-thread sanitize-address fuzz

sanitize-thread: packages
	Tests/Sanitizers/sanitize.sh thread

sanitize-address: packages
	Tests/Sanitizers/sanitize.sh address

fuzz: packages
	Tests/Sanitizers/sanitize.sh fuzz $(FUZZ_SECONDS)

# The pages of the API, as a site in .build/site: a module a folder. Warnings are errors.
DOCUMENTED := Zeroth ZerothStrategies ZerothModels ZerothTasks ZerothRecords ZerothTraining ZerothTestKit
docs: packages
	mkdir -p .build/site
	set -e; for module in $(DOCUMENTED); do \
	  ZEROTH_DOCS=1 swift package --scratch-path .build/docs --allow-writing-to-directory .build/site/$$module \
	    generate-documentation --target $$module --output-path .build/site/$$module --warnings-as-errors \
	    --transform-for-static-hosting --hosting-base-path $$module; \
	done

# The manual page, made anew after an option has changed. It is made by what comes with the parser of arguments. Its day is that of the newest
# version in CHANGELOG.md.
manual: build
	swift package -c release plugin generate-manual --help >/dev/null
	.build/release/generate-manual-tool .build/release/zeroth --authors "the authors of Zeroth" --date "$$(sed -n 's/^## [^,]*, //p' CHANGELOG.md | head -1)" -o - >docs/zeroth.1

# The tool with Swift's libraries in it; OpenBLAS, GSL and zlib are the system's.
static: packages
	swift build -c release --static-swift-stdlib --scratch-path .build/static --product zeroth

# The tool with what it carries, completions and its manual page below PREFIX, such as ~/.local; DESTDIR stands in front of it.
PREFIX ?= /usr/local
install: static
	docs/install.sh .build/static/release "$(DESTDIR)$(PREFIX)"

# An archive for machines without Swift, of the Debian or Ubuntu release that it is made on or a later one with the same libraries: it is
# unpacked anywhere, and needs libopenblas0, libgsl27 (of Debian 12; `ldd` names it) and zlib1g.
dist: static
	rm -rf .build/dist
	set -e; name=zeroth-$$(.build/static/release/zeroth --version); \
	  docs/install.sh .build/static/release .build/dist/$$name; \
	  cp -R README.md LICENSE CHANGELOG.md docs .build/dist/$$name/; \
	  mkdir -p .build/dist/$$name/Sources/ZerothResources/Resources; \
	  cp Sources/ZerothResources/Resources/README.md .build/dist/$$name/Sources/ZerothResources/Resources/; \
	  mkdir .build/dist/$$name/Examples; cp -R Examples/tasks .build/dist/$$name/Examples/; \
	  mkdir .build/dist/$$name/licences; for p in TOMLKit swift-argument-parser; do \
	    cp .build/static/checkouts/$$p/LICENSE* .build/dist/$$name/licences/$$p.txt; done; \
	  sed '/^#ifndef/,$$d' .build/static/checkouts/TOMLKit/Sources/CTOML/Sources/toml.hpp >.build/dist/$$name/licences/toml++.txt; \
	  cp /usr/share/common-licenses/GPL-3 .build/dist/$$name/licences/GPL-3.txt; \
	  tar -C .build/dist -czf .build/$$name-$$(uname -m).tar.gz $$name; \
	  ls -l .build/$$name-$$(uname -m).tar.gz

lint:
	swift format lint --strict --recursive --configuration .swift-format Package.swift Sources Tests Plugins Examples

format:
	swift format --in-place --recursive --configuration .swift-format Package.swift Sources Tests Plugins Examples

clean:
	rm -rf .build
