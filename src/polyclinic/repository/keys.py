"""Keys: terms and element paths as 64-bit integers, the form in which the index keeps them.

A key is the first eight bytes of BLAKE2b. Among a hundred million different terms the chance that any two share a
key is below one in three thousand. The key of a reference is that of its element XOR the identity of its target, that
of a pair is its halves XORed: so a key can be made from what the database has at hand.
"""

import struct
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b

_one = struct.Struct("<q")


@lru_cache(maxsize=65_536)
def key_of(term: str) -> int:
    """Return the key of ``term``, a signed 64-bit integer."""
    left, both, right = term.partition("\0\0&")
    if both:
        return key_of(left) ^ key_of(right)
    path, _, rest = term.partition("\0")
    if rest[:1] == "r":
        return link_key(path) ^ identity_of(rest[1:])
    return _hash(term)


@lru_cache(maxsize=4096)
def link_key(path: str) -> int:
    """Return the key of the references at ``path``, whatever they lead to."""
    return _hash(f"{path}\0r")


@lru_cache(maxsize=65_536)
def identity_of(target: str) -> int:
    """Return the identity of what a reference ``target`` such as ``Patient/1`` leads to."""
    return _hash(f"\0r{target}")


def _hash(text: str) -> int:
    return int(_one.unpack(blake2b(text.encode(), digest_size=8).digest())[0])


def pack(keys: Iterable[int]) -> bytes:
    """Return ``keys`` as the bytes that ``resource.terms`` holds."""
    listed = tuple(keys)
    return struct.pack(f"<{len(listed)}q", *listed)


def unpack(packed: bytes) -> tuple[int, ...]:
    """Return the keys in ``packed``."""
    return struct.unpack(f"<{len(packed) // 8}q", packed)
