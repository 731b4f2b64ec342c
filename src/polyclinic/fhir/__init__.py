"""FHIR R4 (4.0.1) as Python values: no HTTP, no database, no clock, no environment."""
