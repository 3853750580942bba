# Columba. `make run` starts everything on this machine; `make test` runs all tests.
.DEFAULT_GOAL := help
.PHONY: help run demo setup check test tests-without-browser tests-in-browser long screenshots sbom faults crawl servers bare bench-send bench-inbound bench-segments bench-typing bench-import bench-people bench-reactions clean simulate
BIN := .venv/bin
JOBS ?= 2
# More than cores: tests of the engine wait for processes, leases and servers.
TEST_JOBS ?= 4

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

run: setup ## start everything here and print the address
	@exec $(BIN)/flask --app wsgi up $(if $(PORT),--port $(PORT))

demo: setup ## the app in its third month, on sample data
	@DATA_DIR="$${DATA_DIR:-data/demo}" exec $(BIN)/flask --app wsgi demo $(if $(PORT),--port $(PORT))

setup: ## .venv, browser assets, translations, database
	@scripts/setup
	@$(BIN)/flask --app wsgi db upgrade

check: ## the fast inner loop: ruff, mypy, unit tests
	@scripts/setup --dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -q -n $(JOBS) -m "not browser and not slow and not servers and not long"

test: ## everything the tests need, then the tests, with a short cut of the long ones
	@scripts/setup --dev --browser
	$(BIN)/ruff check .
	$(BIN)/mypy
	@$(MAKE) --no-print-directory -j 2 tests-without-browser tests-in-browser

# Side by side: a browser waits more than it works.
tests-without-browser:
	$(BIN)/pytest -q -n $(TEST_JOBS) --dist loadgroup -m "not browser and not all_servers and not long"

tests-in-browser:
	$(BIN)/pytest -q -n $(JOBS) --dist loadgroup -m "browser and not long"

long: ## all tests at their full length
	@scripts/setup --dev --browser
	LONG=1 $(BIN)/pytest -q -n $(TEST_JOBS) --dist loadgroup -m "not browser and not all_servers"
	LONG=1 $(BIN)/pytest -q -n $(JOBS) --dist loadgroup -m browser

screenshots: ## every page at both widths, light and dark, into screenshots/
	@scripts/setup --dev --browser
	$(BIN)/python -m tests.browser.screenshots

sbom: ## what the app is made of, as CycloneDX, into sbom/
	@scripts/setup
	@test -x .venv/sbom/bin/cyclonedx-py || { $(BIN)/python -m venv .venv/sbom && \
	  .venv/sbom/bin/pip install --quiet --require-hashes -r requirements-sbom.txt; }
	@mkdir -p sbom
	.venv/sbom/bin/cyclonedx-py requirements --output-reproducible -o sbom/python.cdx.json requirements.txt
	npm sbom --package-lock-only --sbom-format cyclonedx > sbom/browser.cdx.json

bench-send: ## the figures of the delivery engine, each beside what it has to be
	@scripts/setup --dev
	$(BIN)/python -m bench.send

bench-inbound: ## ten thousand bounces of a campaign, read and applied on both databases
	@scripts/setup --dev
	$(BIN)/python -m bench.inbound --database sqlite
	$(BIN)/python -m bench.inbound --database postgres

bench-reactions: ## how soon the engine reacts to "send now", SIGTERM, a pause, a server that comes back
	@scripts/setup --dev
	$(BIN)/python -m bench.reactions --database sqlite
	$(BIN)/python -m bench.reactions --database postgres

bench-segments: ## counting and launching with segments over a million people, on both databases
	@scripts/setup --dev
	$(BIN)/python -m bench.segments --database sqlite
	$(BIN)/python -m bench.segments --database postgres

bench-typing: ## from a key pressed in an editor to the preview that shows it, in a browser
	@scripts/setup --dev --browser
	$(BIN)/python -m bench.typing

bench-import: ## a million people from a file on both databases, beside the ORM's bulk insert
	@scripts/setup --dev
	$(BIN)/python -m bench.imports --database sqlite
	$(BIN)/python -m bench.imports --database postgres

bench-people: ## pages of a million people, on both databases
	@scripts/setup --dev
	$(BIN)/python -m bench.people --database sqlite
	$(BIN)/python -m bench.people --database postgres

simulate: ## ten thousand random courses of the delivery engine on a simulated machine
	@scripts/setup --dev
	$(BIN)/python -m tests.simulation --jobs $(JOBS) $(if $(SEEDS),--seeds $(SEEDS)) $(if $(FIRST),--first $(FIRST))

faults: ## kill, cut off and fill up everything in mid-send on both databases, and count what it cost
	@scripts/setup --dev
	$(BIN)/python -m tests.faults $(if $(ONLY),--only "$(ONLY)")

crawl: ## Wapiti attacks every page of the demo, signed in as an admin; fetches Wapiti when it is not here
	@scripts/setup --dev
	$(BIN)/python -m tests.crawl $(if $(SECONDS_OF_CRAWL),--seconds $(SECONDS_OF_CRAWL))

servers: ## a campaign over every real SMTP server that can be had here, on each way in that it has
	@scripts/setup --dev
	$(BIN)/python -m tests.servers
	$(BIN)/pytest -q -n $(JOBS) --dist loadgroup tests/servers $(if $(ONLY),-k "$(ONLY)")

bare: ## `make run` and what `make test` needs, on a minimal Debian 12 that is made for it (as root)
	@$(or $(PYTHON),python3) -m tests.bare

clean: ## remove what was built and installed, keep the data
	rm -rf .venv node_modules static/dist
