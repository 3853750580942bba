"""Where this machine's own clients get packages from: what a machine without their configuration needs to reach the same.

Only that is carried over: a prefix, a cache or a folder of this machine would be wrong on another one.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

# Variables that name a file with certificates.
CERTIFICATES = (
    "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO",
    "PIP_CERT", "PIP_CLIENT_CERT",
)  # fmt: skip
_VARIABLE = re.compile(
    r"(https?|ftp|all|no)_proxy"
    r"|pip_(index_url|extra_index_url|trusted_host|proxy|default_timeout|retries)"
    r"|npm_config_(registry|(https?_)?proxy|noproxy|cafile|strict_ssl|//.*|@.*)",
    re.IGNORECASE,
)
_NPM_LINE = re.compile(
    r"\s*(registry|@[^:=\s]+:registry|//[^=\s]+|(https?-)?proxy|noproxy|ca|cafile|strict-ssl|replace-registry-host)"
    r"\s*="
)
PIP_FILES = ("/etc/pip.conf", "/etc/xdg/pip/pip.conf", "~/.pip/pip.conf", "~/.config/pip/pip.conf")
NPM_FILES = ("/etc/npmrc", "/usr/etc/npmrc", "/usr/local/etc/npmrc", "~/.npmrc")


@dataclass(frozen=True)
class Source:
    """One line of apt's sources."""

    address: str
    release: str
    component: str

    def __str__(self) -> str:
        return f"deb {self.address} {self.release} {self.component}"


def environ(given: Mapping[str, str]) -> dict[str, str]:
    """The variables that lead to package registries."""
    return {name: value for name, value in given.items() if name in CERTIFICATES or _VARIABLE.fullmatch(name)}


def certificates(given: Mapping[str, str]) -> set[Path]:
    """The files that variables name, where they are there."""
    named = {Path(given[name]) for name in CERTIFICATES if given.get(name)}
    return {path for path in named if path.is_absolute() and path.is_file()}


def npm_lines(text: str) -> list[str]:
    """The lines of an .npmrc that say where packages come from."""
    return [line.strip() for line in text.splitlines() if _NPM_LINE.match(line)]


def npmrc() -> str:
    """One .npmrc from all of this machine's; the user's lines come last and count."""
    found: list[str] = []
    for path in _existing(NPM_FILES):
        found += npm_lines(path.read_text())
    return "".join(f"{line}\n" for line in found)


def pip_files() -> list[Path]:
    """pip's configuration, the user's last."""
    return list(_existing(PIP_FILES))


def apt_sources(targets: str, release: str) -> list[Source]:
    """The lines of a release and its updates, from `apt-get indextargets`, main first."""
    wanted = re.compile(re.escape(release) + r"(-security|-updates)?$|" + re.escape(release) + r"/updates$")
    lines = (line.split("\t") for line in targets.splitlines())
    found = {Source(*line) for line in lines if len(line) == 3 and wanted.match(line[1])}
    return sorted(found, key=lambda each: (each.release != release, each.component != "main", str(each)))


def apt_targets() -> str:
    """What apt is told to fetch on this machine; empty where there is no apt."""
    if shutil.which("apt-get") is None:
        return ""
    form = "$(REPO_URI)\t$(RELEASE)\t$(COMPONENT)"
    return _output("apt-get", "indextargets", "--format", form, "Created-By: Packages")


def apt_configuration() -> str:
    """apt's own settings about fetching: proxies, certificates, dates. No hooks, which want programs of this machine."""
    lines = _output("apt-config", "dump").splitlines()
    kept = re.compile(r"Acquire::(https?|ftp|Check-|Retries|By-Hash|AllowInsecure|Max-)", re.IGNORECASE)
    return "".join(f"{line}\n" for line in lines if kept.match(line))


def apt_proxies() -> dict[str, str]:
    """The proxies of apt's configuration as variables, for a program that does not read it."""
    text = _output("apt-config", "shell", "http_proxy", "Acquire::http::Proxy",
                   "https_proxy", "Acquire::https::Proxy")  # fmt: skip
    return {name: value for name, value in re.findall(r"^(\w+)='(.*)'$", text, re.M) if value}


def _existing(names: tuple[str, ...]) -> Iterator[Path]:
    return (path for path in (Path(name).expanduser() for name in names) if path.is_file())


def _output(*command: str) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"}
    )
    return done.stdout
