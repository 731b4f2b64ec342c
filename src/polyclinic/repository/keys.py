"""Keys: terms and element paths as 64-bit integers, the form in which the index keeps them.

A key is the first eight bytes of BLAKE2b. Among a hundred million different terms the chance that any two share a
key is below one in three thousand.
"""

import struct
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b

_one = struct.Struct("<q")


@lru_cache(maxsize=65_536)
def key_of(term: str) -> int:
    """Return the key of ``term``, a signed 64-bit integer."""
    return int(_one.unpack(blake2b(term.encode(), digest_size=8).digest())[0])


def pack(keys: Iterable[int]) -> bytes:
    """Return ``keys`` as the bytes that ``resource.terms`` holds."""
    listed = tuple(keys)
    return struct.pack(f"<{len(listed)}q", *listed)


def unpack(packed: bytes) -> tuple[int, ...]:
    """Return the keys in ``packed``."""
    return struct.unpack(f"<{len(packed) // 8}q", packed)
