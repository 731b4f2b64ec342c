"""The directory of this process: read anew as far as rules have changed, whoever changed them."""

from dataclasses import replace

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
        number, may_be_taken_back = await rulebook.number(session)
        if number != self.directory.number:
            changed = await rulebook.since(session, self.directory.number)
            read = self.directory.with_changes(
                max([number, *(rule.number for rule in changed)]),
                [(rule.key, rule.name, self._stands_for(rule.body)) for rule in changed],
            )
            if read.number > self.directory.number and not may_be_taken_back:
                self.directory = read
            return read
        return self.directory

    def _stands_for(self, body: bytes | None) -> Calendar | Service | None:
        """Return what rules say; None for what was deleted, or what an older release let in and nobody can read."""
        if body is None:
            return None
        resource = decode(body)
        try:
            if resource["resourceType"] == "HealthcareService":
                return self._localized(service_of(resource))
            calendar = calendar_of(resource)
        except Invalid:
            return None
        actors, services = map(self.directory.locals, (calendar.actors, calendar.services))
        return replace(calendar, actors=actors, services=services)

    def _localized(self, service: Service) -> Service:
        provider = [service.organization] if service.organization else []
        organization = next(iter(self.directory.locals(provider)), None)
        return replace(service, places=self.directory.locals(service.places), organization=organization)
