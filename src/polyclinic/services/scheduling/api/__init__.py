"""The doors of scheduling beside FHIR REST: the operations of IHE ITI Scheduling, and ours next to them."""

from polyclinic.services.scheduling.api.operations import Counter

__all__ = ["Counter"]
