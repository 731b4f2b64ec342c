"""Why a patch is not done, beside what makes it no patch at all (``Invalid``)."""

from polyclinic.fhir.outcome import Refusal


class Unpatchable(Refusal):
    """An operation of the patch has nothing to work on in this resource, or its outcome is not to be kept."""

    code = "processing"


class TestFailed(Refusal):
    """The resource is not what a ``test`` of the patch expects."""

    code = "business-rule"
    __test__ = False
