"""RSA signatures eight at a time, if the processor and an optional library can (requirements-ifma.txt).

OpenSSL makes one signature at a time. Intel's multi-buffer library makes eight in parallel with AVX-512 IFMA,
in a third of the time each. Each is verified with the public key before use, as OpenSSL does too: a wrong
signature, whatever the cause, could reveal the key (Boneh, DeMillo, Lipton 1997).
"""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Callable, Sequence
from functools import cache, partial
from importlib import metadata
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

log = logging.getLogger(__name__)

SignAll = Callable[[Sequence[bytes]], list[bytes]]  # SHA-256 digests -> PKCS #1 v1.5 signatures, in order

BITS = 2048
SIZE = BITS // 8
AT_ONCE = 8
WORTH_IT = 3  # eight take as long as this many one by one
# The library needs these but does not say where they are: if loaded before, they are found by name.
_RUNTIME = ("libintlc.so.5", "libirng.so", "libimf.so", "libsvml.so")
_LIBRARY = "libcrypto_mb.so.13"
_ALIGNED = 64
_DIGEST = Prehashed(hashes.SHA256())
_PADDING = PKCS1v15()
# DigestInfo of SHA-256 (RFC 8017 section 9.2, note 1), and the rest of the block before the digest.
_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
_PREFIX = b"\x00\x01" + b"\xff" * (SIZE - 3 - len(_INFO) - 32) + b"\x00" + _INFO
_Pointers = ctypes.c_void_p * AT_ONCE


def is_usable() -> bool:
    """Whether batches of eight can be signed here."""
    return _library() is not None


def signing(private: RSAPrivateKey) -> SignAll:
    """A function that signs any number of digests with that key: OpenSSL's bytes, in the least time."""
    library = _library()
    if library is None or private.key_size != BITS:
        return partial(one_by_one, private)
    return Eights(library, private)


def one_by_one(private: RSAPrivateKey, digests: Sequence[bytes]) -> list[bytes]:
    """Signatures made by OpenSSL, in order."""
    return [private.sign(digest, _PADDING, _DIGEST) for digest in digests]


class Eights:
    """Signs with one key. Not thread-safe: its buffers are reused."""

    def __init__(self, library: ctypes.CDLL, private: RSAPrivateKey) -> None:
        self._sign = library.mbx_rsa_private_crt_mb8
        self._private = private
        self._public = private.public_key()
        numbers = private.private_numbers()
        halves = (numbers.p, numbers.q, numbers.dmp1, numbers.dmq1, numbers.iqmp)
        self._kept = [ctypes.create_string_buffer(each.to_bytes(SIZE // 2, "little")) for each in halves]
        self._key = [_Pointers(*[ctypes.addressof(each)] * AT_ONCE) for each in self._kept]
        self._blocks = ctypes.create_string_buffer(AT_ONCE * SIZE)
        self._made = ctypes.create_string_buffer(AT_ONCE * SIZE)
        self._from, self._to = _rows(self._blocks), _rows(self._made)
        self._method = library.mbx_RSA2K_private_crt_Method()
        self._room = ctypes.create_string_buffer(library.mbx_RSA_Method_BufSize(self._method) + _ALIGNED)
        self._work = -(-ctypes.addressof(self._room) // _ALIGNED) * _ALIGNED

    def __call__(self, digests: Sequence[bytes]) -> list[bytes]:
        """The signatures, in order."""
        found: list[bytes] = []
        for first in range(0, len(digests), AT_ONCE):
            some = digests[first : first + AT_ONCE]
            found += self._eight(some) if len(some) >= WORTH_IT else one_by_one(self._private, some)
        return found

    def _eight(self, digests: Sequence[bytes]) -> list[bytes]:
        blocks = b"".join([_PREFIX + each for each in digests])
        # Unused places get the first block: that takes no extra time, and none may be empty.
        self._blocks.raw = blocks + blocks[:SIZE] * (AT_ONCE - len(digests))
        status = self._sign(self._from, self._to, *self._key, BITS, self._method, self._work)
        if status:
            log.error("The multi-buffer library failed with status %#x; OpenSSL signs instead.", status)
            return one_by_one(self._private, digests)
        made = self._made.raw
        return [self._checked(made[n * SIZE : (n + 1) * SIZE], each) for n, each in enumerate(digests)]

    def _checked(self, signature: bytes, digest: bytes) -> bytes:
        try:
            self._public.verify(signature, digest, _PADDING, _DIGEST)
        except InvalidSignature:
            log.error("The multi-buffer library made a wrong signature; OpenSSL made another.")  # noqa: TRY400
            return one_by_one(self._private, [digest])[0]
        return signature


@cache
def _library() -> ctypes.CDLL | None:
    """The library; None if it is not installed, cannot be loaded, or the processor cannot run it."""
    try:
        for name in _RUNTIME:
            ctypes.CDLL(_path("intel-cmplr-lib-rt", name))
        library = ctypes.CDLL(_path("ipp-crypto", _LIBRARY))
        return _declared(library) if library.mbx_is_crypto_mb_applicable(ctypes.c_uint64(0)) else None
    except (metadata.PackageNotFoundError, OSError, AttributeError):
        return None


def _path(package: str, name: str) -> str:
    for path in metadata.files(package) or ():
        if path.name == name:
            return str(Path(str(path.locate())).resolve())
    raise FileNotFoundError(name)


def _declared(library: ctypes.CDLL) -> ctypes.CDLL:
    pointer, number = ctypes.c_void_p, ctypes.c_int
    library.mbx_RSA2K_private_crt_Method.restype = pointer
    library.mbx_RSA_Method_BufSize.argtypes = [pointer]
    library.mbx_RSA_Method_BufSize.restype = number
    library.mbx_rsa_private_crt_mb8.argtypes = [_Pointers] * 7 + [number, pointer, pointer]
    library.mbx_rsa_private_crt_mb8.restype = ctypes.c_uint32
    return library


def _rows(buffer: ctypes.Array[ctypes.c_char]) -> ctypes.Array[ctypes.c_void_p]:
    start = ctypes.addressof(buffer)
    return _Pointers(*[start + SIZE * number for number in range(AT_ONCE)])
