"""The doors of scheduling beside FHIR REST: the operations of IHE ITI Scheduling, and ours next to them."""

from polyclinic.services.scheduling.api.blocks import Closures
from polyclinic.services.scheduling.api.operations import Counter
from polyclinic.services.scheduling.api.series import SeriesCounter
from polyclinic.services.scheduling.api.waitlist import Window

__all__ = ["Closures", "Counter", "SeriesCounter", "Window"]
