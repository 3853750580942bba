"""A root of its own for a server: own /etc, /var, users and host name, and the unpacked packages over /usr.

The server and all that it starts live in namespaces of their own. The first process there dies with
whoever started it, and the kernel then kills the rest: no daemon outlives its test, however that ends.
"""

from __future__ import annotations

import functools
import shutil
import subprocess
from pathlib import Path

HOST = "mx.example.net"
KEPT = "/srv"  # what outlives a stop: the queue and the mail

USERS = {
    "root": 0, "daemon": 1, "bin": 2, "mail": 8, "nobody": 65534,
    "postfix": 501, "postdrop": 502, "smmta": 503, "smmsp": 504, "Debian-exim": 505,
    "opensmtpd": 506, "opensmtpq": 507, "opensmtpf": 508, "dovecot": 509, "dovenull": 510, "vmail": 511,
    "sasl": 512, "pigeon": 513,
}  # fmt: skip
_SMALL = {
    "etc/hosts": f"127.0.0.1 localhost {HOST}\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\nservices: files\n",
    "etc/resolv.conf": "nameserver 127.0.0.1\n",
    "etc/services": "smtp 25/tcp\nsubmission 587/tcp\nsubmissions 465/tcp\n",
    "etc/mailname": f"{HOST}\n",
    "etc/passwd": "".join(f"{name}:x:{number}:{number}::/:/bin/sh\n" for name, number in USERS.items()),
    "etc/group": "".join(f"{name}:x:{number}:\n" for name, number in USERS.items()),
    "etc/shadow": "".join(f"{name}:*:19000::::::\n" for name in USERS),
}
_ENTER = """
set -e
unpacked=$1 folder=$2
root=$folder/root
mkdir -p $root $folder/kept
chmod 755 $folder/kept
mount -t tmpfs -o mode=755 none $root
cd $root
mkdir usr etc var tmp run proc dev srv
chmod 1777 tmp
for link in bin sbin lib lib64; do ln -s usr/$link $link; done
mount -t overlay -o ro,lowerdir=$unpacked/usr:/usr none usr
cp -a $unpacked/etc/. etc
[ ! -d $unpacked/var ] || cp -a $unpacked/var/. var
for name in ld.so.cache ld.so.conf ld.so.conf.d ssl localtime; do [ ! -e /etc/$name ] || cp -a /etc/$name etc/; done
cp -r $folder/files/. .
chmod 600 etc/shadow
ln -s ../run var/run
mount -t proc none proc
for name in null zero full random urandom; do touch dev/$name; mount --bind /dev/$name dev/$name; done
ln -s /proc/self/fd dev/fd
mount --bind $folder/kept srv
hostname HOST
chroot . /bin/sh /start &
server=$!
trap ':' TERM
wait $server || true
tries=0
set -- proc/[0-9]*
# Whoever is busy may not hear the first one.
while [ $# -gt 1 ] && [ $tries -lt 100 ]; do
  kill -TERM -1 2>/dev/null || true
  sleep 0.05
  tries=$((tries + 1))
  set -- proc/[0-9]*
done
""".replace("HOST", HOST)
_NAMESPACES = ("unshare", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child=KILL")


@functools.cache
def why_not() -> str | None:
    """Why no private root can be made here; None when it can."""
    for tool in ("unshare", "setpriv", "mount", "chroot"):
        if shutil.which(tool) is None:
            return f"A server's private root is made with {tool}, which is not here."
    probe = (
        "mount -t tmpfs none /mnt && mkdir /mnt/a && mount -t overlay -o ro,lowerdir=/mnt/a:/usr none /mnt/a"
    )
    done = subprocess.run([*_NAMESPACES, "sh", "-c", probe], capture_output=True, text=True, check=False)
    return f"No private root can be made here: {done.stderr.strip()}" if done.returncode else None


def prepare(folder: Path, *, files: dict[str, str | bytes], start: str) -> None:
    """Write what the server finds in its root beside its packages; `start` is a shell script that becomes it."""
    for name, text in {**_SMALL, **files, "start": start}.items():
        path = folder / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())


def command(unpacked: Path, folder: Path) -> list[str]:
    """What to run: it lasts as long as the server does, and kills it when it is killed."""
    return [*_NAMESPACES, "sh", "-c", _ENTER, "sh", str(unpacked), str(folder)]
