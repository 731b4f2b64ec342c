"""The directory of this process: read anew as far as rules have changed, whoever changed them."""

from polyclinic.fhir.json import decode
from polyclinic.fhir.outcome import Invalid
from polyclinic.repository.connect import Session
from polyclinic.services.scheduling.model import Calendar, Service
from polyclinic.services.scheduling.rules.directory import Directory
from polyclinic.services.scheduling.rules.reading import calendar_of, service_of
from polyclinic.services.scheduling.store import rulebook


class Rulebook:
    """Holds the directory; ``directory`` is as it was last read."""

    def __init__(self, base: str) -> None:
        self.directory = Directory(base=base)

    async def read(self, session: Session) -> Directory:
        """Return the directory as it stands now."""
        number = await rulebook.number(session)
        if number != self.directory.number:
            changed = await rulebook.since(session, self.directory.number)
            read = self.directory.with_changes(
                max(number, *(rule.number for rule in changed)),
                [(rule.key, rule.name, stands_for(rule.body)) for rule in changed],
            )
            if read.number > self.directory.number:
                self.directory = read
            return read
        return self.directory


def stands_for(body: bytes | None) -> Calendar | Service | None:
    """Return what the body of a Schedule or HealthcareService says; None for a deleted one, or one kept before its
    rules were judged that cannot be read."""
    if body is None:
        return None
    resource = decode(body)
    try:
        return calendar_of(resource) if resource["resourceType"] == "Schedule" else service_of(resource)
    except Invalid:
        return None
