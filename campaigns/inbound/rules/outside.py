"""What a rule does outside of the database: a command that is on the list, a webhook that may be called."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import threading
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from campaigns.core import guarded_http
from campaigns.core.internal_hosts import InternalHosts

PATIENCE_S = 30.0
WEBHOOK_PATIENCE_S = 10.0
LONGEST_OUTPUT = 2000
LARGEST_FILE = 64 * 1024


class Refused(Exception):
    """It was not done; the message says why."""


def commands(path: Path | None) -> dict[str, list[str]]:
    """The commands in the file by name: the words of each. Empty without a file; raises Refused for a bad one.

    The file is TOML: a table `commands` of names, each a list of words that begins with an absolute path. Whoever
    could change it could run anything, so that only root or we may be able to.
    """
    if path is None:
        return {}
    try:
        with path.open("rb") as file:
            facts = os.fstat(file.fileno())
            if facts.st_uid not in (0, os.getuid()) or facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                raise Refused("others could change the file of commands")
            found = tomllib.loads(file.read(LARGEST_FILE).decode())
    except (OSError, ValueError) as error:
        raise Refused("the file of commands can't be read") from error
    listed = found.get("commands", {})
    return {str(name): words for name, words in listed.items() if _is_command(words)}


def _is_command(words: Any) -> bool:
    return (
        isinstance(words, list)
        and bool(words)
        and all(isinstance(each, str) and "\0" not in each for each in words)
        and words[0].startswith("/")
    )


def run(name: str, path: Path | None) -> str:
    """Run the command of that name, without a shell, any input or anything of ours in its environment.

    Returns the beginning of what it wrote; raises Refused when it is not on the list, fails, or takes too long.
    """
    words = commands(path).get(name)
    if words is None:
        raise Refused("the command is not on the list")
    try:
        process = subprocess.Popen(  # noqa: S603 (from a file that only the machine's operator can write)
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd="/",
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"},
            start_new_session=True,
        )
    except OSError as error:
        raise Refused(f"the command can't be started: {error.strerror}") from error
    return _waited_for(process)


def _waited_for(process: subprocess.Popen[bytes]) -> str:
    is_late = threading.Event()

    def end() -> None:
        is_late.set()
        _kill(process)

    timer = threading.Timer(PATIENCE_S, end)
    timer.start()
    try:
        assert process.stdout is not None
        with process.stdout as pipe:
            output = pipe.read(LONGEST_OUTPUT)
            while pipe.read(65536):  # more than is kept
                pass
        code = process.wait()
    finally:
        timer.cancel()
        _kill(process)  # what it has left behind
    text = output.decode("utf-8", "replace").replace("\0", "\ufffd").strip()
    if is_late.is_set():
        raise Refused(f"it took longer than {PATIENCE_S:g} s: {text}")
    if code:
        raise Refused(f"it ended with {code}: {text}")
    return text


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def call(url: str, facts: Mapping[str, str], hosts: InternalHosts) -> str:
    """POST the facts as JSON to the URL; the status of the answer. Raises Refused."""
    try:
        status, _body = guarded_http.ask(
            url,
            hosts,
            patience_s=WEBHOOK_PATIENCE_S,
            largest=0,
            body=json.dumps(dict(facts)).encode(),
            headers={"Content-Type": "application/json"},
        )
    except guarded_http.Internal as error:
        raise Refused("the address is internal and not in INTERNAL_HOSTS") from error
    except (OSError, ValueError) as error:
        raise Refused("the host can't be reached") from error
    if not 200 <= status < 300:
        raise Refused(f"the answer was {status}")
    return str(status)
