"""Seals: positions that clients carry from page to page and can neither read nor change.

AES-256-GCM with a key that the processes of one service share through its database; what a position belongs to is
authenticated with it, so that one search's position opens no other.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from os import urandom

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from polyclinic.fhir.outcome import Unacceptable
from polyclinic.repository.connect import Session
from polyclinic.repository.model import Cursor

CURSOR = "_cursor"
_NONCE = 12  # bytes, NIST SP 800-38D, section 8.2
_KEEP = "insert into secret (name, value) values ('positions', $1) on conflict do nothing"
_READ = "select value from secret where name = 'positions'"


class Seal:
    """Seals and opens positions."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    @classmethod
    async def of(cls, connection: Session) -> "Seal":
        """Return the seal of the database that ``connection`` leads to, made when first asked for."""
        await connection.execute(_KEEP, AESGCM.generate_key(256))
        return cls(await connection.fetchval(_READ))

    def close(self, position: bytes, belongs_to: bytes) -> Cursor:
        """Return ``position`` sealed for what it ``belongs_to``."""
        nonce = urandom(_NONCE)
        return Cursor(urlsafe_b64encode(nonce + self._cipher.encrypt(nonce, position, belongs_to)).decode().rstrip("="))

    def open(self, cursor: Cursor, belongs_to: bytes) -> bytes:
        """Return the position in ``cursor``. Refuses: ``Unacceptable`` where it was not given out for this."""
        try:
            sealed = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], belongs_to)
        except (ValueError, InvalidTag) as error:
            raise Unacceptable(f"{CURSOR} is not one that this search gave out", at=CURSOR) from error
