# Two commands do everything: `make demo` and `make test`. Both set up what they need in .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
NATIVE := build/native-tests
JOBS ?= 2

.PHONY: demo test test-all test-fast test-native sanitize races lint format bench test-gpu bench-gpu docs clean

demo: $(READY)  ## train on one framework, read with all
	$(BIN)/python -m seqfront.recipes.digits $(ARGS)

test: $(READY) test-native  ## everything, but two in three of the cases compiled by PyTorch
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(ARGS)

test-all: $(READY) test-native  ## everything
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal --every-slow $(ARGS)

test-fast: $(READY)  ## what takes no more than seconds each
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m "not slow" $(ARGS)

test-native: $(READY)  ## the C++ tests of the kernels
	PATH="$(CURDIR)/$(BIN):$$PATH" cmake -S native -B $(NATIVE) -G Ninja \
	  -DSEQFRONT_BUILD_TESTS=ON -DSEQFRONT_BUILD_PYTHON=OFF -DSEQFRONT_CUDA=OFF
	PATH="$(CURDIR)/$(BIN):$$PATH" cmake --build $(NATIVE)
	PATH="$(CURDIR)/$(BIN):$$PATH" ctest --test-dir $(NATIVE) --output-on-failure

sanitize: $(READY)  ## the C++ tests and random calls, with AddressSanitizer and UBSan
	PATH="$(CURDIR)/$(BIN):$$PATH" cmake -S native -B $(NATIVE)-sanitized -G Ninja \
	  -DSEQFRONT_BUILD_TESTS=ON -DSEQFRONT_BUILD_PYTHON=OFF -DSEQFRONT_SANITIZE=ON
	PATH="$(CURDIR)/$(BIN):$$PATH" cmake --build $(NATIVE)-sanitized
	PATH="$(CURDIR)/$(BIN):$$PATH" ctest --test-dir $(NATIVE)-sanitized -j $(JOBS) --output-on-failure

races: $(READY)  ## random calls of the CUDA kernels on the host, a thread for each of a block, with TSan
	PATH="$(CURDIR)/$(BIN):$$PATH" cmake -S native -B $(NATIVE)-races -G Ninja -DCMAKE_CXX_FLAGS=-O1 \
	  -DSEQFRONT_BUILD_TESTS=ON -DSEQFRONT_BUILD_PYTHON=OFF -DSEQFRONT_SANITIZE_THREADS=ON
	PATH="$(CURDIR)/$(BIN):$$PATH" cmake --build $(NATIVE)-races --target seqfront_fuzz
	$(NATIVE)-races/tests/seqfront_fuzz 10 all cuda

lint: $(READY)  ## style, types, architecture
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/clang-format --dry-run --Werror $$(git ls-files 'native/*.cpp' 'native/*.cu' 'native/*.hpp' 'native/*.h' 'native/*.c')
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $$(git ls-files 'native/*.cpp' 'native/*.cu' 'native/*.hpp' 'native/*.h' 'native/*.c')

bench: $(READY) test-native  ## figures against other libraries, as ratios in one run
	$(BIN)/python tests/benchmarks/run.py $(ARGS)

# These two run with $(PYTHON) as it is: on a bare machine with a GPU and without network.
test-gpu:  ## what only a GPU can show
	$(PYTHON) tests/gpu/run.py test $(ARGS)

bench-gpu:  ## losses on a GPU, against other libraries and the bandwidth of its memory
	$(PYTHON) tests/gpu/run.py bench $(ARGS)

$(READY): pyproject.toml constraints.txt native/CMakeLists.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $(READY)

docs: $(READY)  ## the site, in build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet -f docs/mkdocs.yml

clean:
	rm -rf $(VENV) build runs
