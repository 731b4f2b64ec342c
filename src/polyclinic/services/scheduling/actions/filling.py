"""Filling blocks: a block has what of its time nobody else has, and gets what others give back."""

from collections.abc import Sequence

from polyclinic.repository.connect import Session
from polyclinic.services.scheduling.rules.claims import Claim
from polyclinic.services.scheduling.rules.intervals import gaps, union
from polyclinic.services.scheduling.store import blocks, occupations
from polyclinic.services.scheduling.store.blocks import Block
from polyclinic.services.scheduling.store.occupations import Place, Span


async def block(session: Session, claim: Claim) -> None:
    """Close what ``claim`` closes, and give it what is free of it."""
    closed = [(Span(seat.actor, seat.begin, seat.end), (seat.places or 1) + seat.beyond) for seat in claim.seats]
    await blocks.keep(session, claim.holder, closed)
    for span, most in closed:
        await _fill(session, Block(claim.holder, span, most))


async def yield_to(session: Session, span: Span) -> None:
    """Let blocks give back all that they have of the actor of ``span``, as far as they overlap it, until ``refill``."""
    for each in await blocks.over(session, [span]):
        await occupations.release_of(session, each.slot, span.actor)


async def refill(session: Session, spans: Sequence[Span]) -> None:
    """Give to blocks what has become free of ``spans``."""
    for each in await blocks.over(session, spans):
        await _fill(session, each)


async def _fill(session: Session, block: Block) -> None:
    span = block.span
    await occupations.release_of(session, block.slot, span.actor)
    given = await occupations.given(session, [span])
    places = []
    for lane in range(block.most):
        taken = union((each.busy.begin, each.busy.end) for each in given if each.busy.lane == lane)
        free = gaps(taken, (span.begin, span.end))
        places += [Place(Span(span.actor, begin, end), lane, block.most, None) for begin, end in free]
    await occupations.take(session, block.slot, places, starts=span.begin)
