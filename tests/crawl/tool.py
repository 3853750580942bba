"""Wapiti, the crawler that attacks what it finds, in a folder of its own beside the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

VERSION = "3.2.3"
# All that attack the app itself. The others guess paths of other products, ask databases of such products
# that have to be fetched, wait for what a third machine has seen (ssrf, xxe, log4shell), or send what no browser
# sends: csrf names the type of its forms twice, so that no token in them is read.
MODULES = (
    *("cookieflags", "csp", "http_headers", "htaccess", "methods"),
    *("exec", "file", "crlf", "redirect", "sql", "timesql", "upload", "xss", "permanentxss"),
    *("backup", "shellshock", "spring4shell"),
)


def folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "columba-crawl" / f"wapiti-{VERSION}"


def install() -> Path:
    """Its program; fetched with its packages when it is not here yet."""
    program = folder() / "bin" / "wapiti"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder())], check=True)
        pip = [str(folder() / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, f"wapiti3=={VERSION}"], check=True)
    return program


def run(
    url: str,
    *,
    starts: Iterable[str],
    excluded: Iterable[str],
    cookie: str,
    seconds: int,
    into: Path,
    modules: Sequence[str] = MODULES,
) -> Path:
    """Crawl the site at `url` for a sixth of the time, and attack it in each way for as long as in each other.

    The answer is the report; `into` is a folder for all that is written.
    """
    report = into / "report.json"
    program = install()
    words = [
        *("--url", url, "--scope", "domain", "--module", ",".join(modules), "--level", "1"),
        *("--max-scan-time", str(seconds // 6), "--max-attack-time", str(seconds * 5 // 6 // len(modules))),
        *("--scan-force", "paranoid", "--max-links-per-page", "40", "--max-files-per-dir", "8"),
        *("--timeout", "20", "--tasks", "4", "--cookie-value", cookie),
        *("--store-session", str(into), "--store-config", str(into)),
        *("--format", "json", "--output", str(report), "--detailed-report", "1"),
        *("--no-bugreport", "--verbose", "1"),
    ]
    for start in starts:
        words += ["--start", f"{url}{start}"]
    for path in excluded:
        words += ["--exclude", f"{url}{path}"]
    subprocess.run([str(program), *words], check=True, timeout=2 * seconds + 600)
    return report
