"""What can be wrong with a FHIRPath: its writing, its types, or the values it met."""

from typing import Literal

from polyclinic.fhir.outcome import Refusal

Fault = Literal["syntax", "semantic", "execution"]


class PathError(Refusal):
    """A FHIRPath cannot be read, cannot mean anything, or cannot be evaluated on the values it met.

    ``position`` counts characters of the expression from 0. The sentence never repeats a value of a resource.
    """

    code = "invalid"

    def __init__(self, sentence: str, *, position: int = 0, fault: Fault = "execution") -> None:
        super().__init__(f"FHIRPath, character {position + 1}: {sentence}")
        self.position = position
        self.fault: Fault = fault
