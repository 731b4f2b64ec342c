"""FHIR resources kept in PostgreSQL: write, read, history, search, change feed. Knows no HTTP and no service."""

from polyclinic.repository.store import Repository
from polyclinic.repository.transaction import Transaction

__all__ = ["Repository", "Transaction"]
