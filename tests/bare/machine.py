"""A bare machine inside this one: a minimal Debian 12 from this machine's apt sources, in a root of its own.

Everything that is mounted is mounted in namespaces of its own, which end with their last process: no mount is ever
seen from outside, none is left behind, and nothing is deleted through one.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.bare import registries
from tests.bare.broken import Broken
from tests.bare.registries import Source

RELEASE, NAME = "bookworm", "Debian 12"
PACKAGES = "python3,make,git,ca-certificates"
NEEDED_BYTES = 5_000_000_000
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# The first process inside dies with whoever started it, and everything inside with the first process.
ALONE = (
    "setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child=KILL",
)  # fmt: skip
_ENTER = """
root=$1 folder=$2
shift 2
mount --bind "$root" "$root"  # a mount point, as the root of a machine is
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
hostname bare
chroot "$root" sh -c 'cd "$0" && exec "$@"' "$folder" "$@"
exit $?
"""


def cache() -> Path:
    """Where bare machines lie: outside the repository, and closed to others."""
    folder = Path(tempfile.gettempdir()) / f"columba-bare-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise Broken(f"{folder} belongs to somebody else. Set TMPDIR to another folder.")
    return folder


def require_means() -> None:
    """Raises Broken with the reason why no bare machine can be made here."""
    if os.geteuid() != 0:
        raise Broken("A bare machine is made with chroot and mounts, which only root may do.")
    for tool in ("unshare", "setpriv", "chroot", "mount", "git"):
        if shutil.which(tool) is None:
            raise Broken(f"A bare machine is made with {tool}, which is not here.")
    done = subprocess.run([*ALONE, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False)
    if done.returncode:
        raise Broken(f"This machine forbids mounts: {done.stderr.decode().strip()}")
    if (free := shutil.disk_usage(cache()).free) < NEEDED_BYTES:
        raise Broken(f"A bare machine needs 5 GB in {cache()}, and {free / 1e9:.1f} GB are free.")
    _require_debootstrap()


@contextmanager
def bare_machine() -> Iterator[Path]:
    """The root of a fresh bare machine; it is gone afterwards."""
    with _locked(cache() / "lock"):
        _sweep()
        base = _base()
        folder = Path(tempfile.mkdtemp(prefix="run-", dir=cache()))
        held = (folder / "lock").open("w")
        fcntl.flock(held, fcntl.LOCK_EX)
        subprocess.run(["cp", "-a", "--reflink=auto", base, folder / "root"], check=True)
    try:
        _configure(folder / "root")
        yield folder / "root"
    finally:
        remove(folder)
        held.close()


def clone(repository: Path, target: Path) -> None:
    """The committed HEAD, as `git clone` gives it; raises Broken."""
    quiet = ("git", "-c", "advice.detachedHead=false", "clone", "--quiet", "--no-local")
    done = subprocess.run([*quiet, repository, target], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Broken(f"The repository can't be cloned: {done.stderr.strip()}")


def inside(root: Path, folder: str, *command: str, environ: Mapping[str, str]) -> int:
    """Run a command in a folder of the bare machine, as root; its exit code."""
    entered = [*ALONE, "sh", "-ec", _ENTER, "sh", str(root), folder, *command]
    given = {"PATH": PATH, "HOME": "/root", "TERM": "dumb", **environ}
    process = subprocess.Popen(entered, env=given, stdin=subprocess.DEVNULL)
    try:
        return process.wait()
    finally:
        process.kill()
        process.wait()


def remove(folder: Path) -> None:
    """Delete a folder of the cache; raises Broken rather than delete through a mount."""
    if folder.parent != cache():
        raise Broken(f"{folder} is no bare machine.")
    if below := mounts_below(folder, Path("/proc/self/mountinfo").read_text()):
        raise Broken(f"{folder} is left as it is: {below[0]} is mounted in it.")
    _delete(folder)


def _delete(folder: Path) -> None:
    for _ in range(50):  # its last processes may still be ending
        if (
            subprocess.run(
                ["rm", "-rf", "--one-file-system", folder], capture_output=True, check=False
            ).returncode
            == 0
        ):
            return
        time.sleep(0.2)
    raise Broken(f"{folder} can't be deleted.")


def mounts_below(folder: Path, mountinfo: str) -> list[str]:
    """The mount points at or under a folder, from the text of /proc/self/mountinfo."""
    points = (line.split()[4].encode().decode("unicode_escape") for line in mountinfo.splitlines())
    return [point for point in points if Path(point) == folder or folder in Path(point).parents]


def _base() -> Path:
    """The minimal system that all bare machines are copies of, made once for these sources."""
    sources = registries.apt_sources(registries.apt_targets(), RELEASE)
    if not sources or sources[0].release != RELEASE or sources[0].component != "main":
        raise Broken(f"The apt sources of this machine have no {NAME} ({RELEASE} main).")
    base, stamp = cache() / "base", cache() / "base.made-from"
    made_from = "\n".join([PACKAGES, *map(str, sources)])
    if base.exists() and stamp.exists() and stamp.read_text() == made_from:
        return base
    for old in (base, cache() / "base.partial"):
        if old.exists():
            remove(old)
    stamp.unlink(missing_ok=True)
    _fill(cache() / "base.partial", sources)
    (cache() / "base.partial").rename(base)
    stamp.write_text(made_from)
    return base


def _fill(partial: Path, sources: list[Source]) -> None:
    print(f"Making a minimal {NAME} (kept in {cache()})", flush=True)
    log = cache() / "debootstrap.log"
    with log.open("wb") as output:
        # With a /proc of its own, because it mounts one in the new root.
        command = [*ALONE, "--mount-proc", "debootstrap", "--variant=minbase", f"--include={PACKAGES}"]
        done = subprocess.run(
            [*command, RELEASE, partial, sources[0].address],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **registries.apt_proxies()},
            check=False,
        )
    if done.returncode:
        last = log.read_text(errors="replace").strip().splitlines()[-1:]
        raise Broken(f"debootstrap can't make a {NAME}: {' '.join(last)} ({log})")
    (partial / "etc/apt/sources.list").write_text("".join(f"{each}\n" for each in sources))


def _configure(root: Path) -> None:
    """The way to package registries that this machine has, and nothing else of it."""
    apt = root / "etc/apt"
    (apt / "apt.conf.d/90fetching").write_text(registries.apt_configuration())
    for name in ("auth.conf", "auth.conf.d", "keyrings", "trusted.gpg", "trusted.gpg.d"):
        _copy(Path("/etc/apt") / name, root)
    for path in (Path("/etc/resolv.conf"), Path("/etc/hosts"), Path("/usr/local/share/ca-certificates")):
        _copy(path, root)
    for path in registries.pip_files():
        _copy(
            path,
            root,
            at=Path("/root") / path.relative_to(Path.home()) if Path.home() in path.parents else path,
        )
    (root / "root/.npmrc").write_text(registries.npmrc())
    subprocess.run(["chroot", root, "update-ca-certificates"], capture_output=True, check=False)
    for path in registries.certificates(os.environ):
        _copy(path.resolve(), root, at=path)


def _copy(path: Path, root: Path, *, at: Path | None = None) -> None:
    target = root / str(at or path).lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        shutil.copytree(path, target, dirs_exist_ok=True)
    elif path.is_file():
        target.unlink(missing_ok=True)
        shutil.copyfile(path, target)


def _require_debootstrap() -> None:
    if shutil.which("debootstrap"):
        return
    print("Installing debootstrap", flush=True)
    apt = ("apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300")
    quiet = {"capture_output": True, "text": True, "check": False}
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    if shutil.which("apt-get") is None:
        raise Broken("A bare machine is made with debootstrap, and there is no apt-get here to install it.")
    subprocess.run([*apt, "update"], **quiet)  # type: ignore[call-overload]
    done = subprocess.run([*apt, "install", "-y", "debootstrap"], env=environ, **quiet)  # type: ignore[call-overload]
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:]
        raise Broken(f"debootstrap can't be installed: {' '.join(last)}")


def _sweep() -> None:
    """Remove bare machines whose run was killed: nobody holds their lock."""
    for folder in cache().glob("run-*"):
        with (folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue
            remove(folder)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
