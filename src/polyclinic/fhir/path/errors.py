"""What can be wrong with a FHIRPath: its writing, its types, or the values it met."""

from typing import Literal

from polyclinic.fhir.outcome import Refusal

Fault = Literal["syntax", "semantic", "execution"]


class PathError(Refusal):
    """A FHIRPath cannot be read, cannot mean anything, or cannot be evaluated on the values it met.

    ``position`` counts characters of the expression from 0; None until the failing step is known.
    The sentence never repeats a value of a resource.
    """

    code = "invalid"

    def __init__(self, sentence: str, *, position: int | None = None, fault: Fault = "execution") -> None:
        place = "" if position is None else f", character {position + 1}"
        super().__init__(f"FHIRPath{place}: {sentence}")
        self.sentence = sentence
        self.position = position
        self.fault: Fault = fault

    def located(self, position: int) -> "PathError":
        """Return this error with the position of the step that failed, unless it has one."""
        if self.position is not None:
            return self
        return PathError(self.sentence, position=position, fault=self.fault)
