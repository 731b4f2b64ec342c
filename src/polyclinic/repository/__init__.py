"""FHIR resources kept in PostgreSQL: write, read, history, search, change feed. Knows no HTTP and no service."""
