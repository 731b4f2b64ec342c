"""A polyclinic: many small services that speak FHIR R4 and answer as one."""

__version__ = "0.1.0"
