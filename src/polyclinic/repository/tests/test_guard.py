"""What a question is taken to cost, and what is refused before it is asked."""

import pytest

from polyclinic.fhir.outcome import TooCostly
from polyclinic.fhir.search.clauses import Words
from polyclinic.repository.guard import estimated_cost, refuse_costly, refuse_many_containers
from polyclinic.repository.order import NEWEST_FIRST, SortKey
from polyclinic.repository.plan import ByColumn, ByKeys, Either, Plan, Question

OBSERVATIONS = Question(("Observation",))
BY_TEXT = (SortKey("text", descending=False, of=(1,)),)
BY_CODE = (SortKey("json", descending=False, of=("$.code",)),)
WORDS = Words("content", (("cough",),))


def plan(*, finds, lead=ByKeys((1,)), checks=()):  # noqa: B008
    return Plan(OBSERVATIONS, lead, checks, finds)


@pytest.mark.parametrize(
    ("chosen", "order"),
    [
        (plan(finds=1e9), NEWEST_FIRST),
        (plan(finds=1e9, lead=ByColumn("updated")), (SortKey("updated", descending=True, led=True),)),
        (plan(finds=1e6), None),
        (plan(finds=1e6), BY_TEXT),
        (plan(finds=1e5), BY_CODE),
        (plan(finds=1e5, checks=(WORDS,)), NEWEST_FIRST),
    ],
)
def test_a_question_within_reason_is_asked(chosen, order):
    refuse_costly(chosen, order)


@pytest.mark.parametrize(
    ("chosen", "order", "said"),
    [
        (plan(finds=1e8), None, "gathered"),
        (plan(finds=1e8), BY_TEXT, "gathered"),
        (plan(finds=1e6), BY_CODE, "gathered"),
        (plan(finds=1e6, checks=(WORDS,)), NEWEST_FIRST, "read one by one"),
        (plan(finds=1e6, checks=(Either(((WORDS,),)),)), NEWEST_FIRST, "read one by one"),
    ],
)
def test_a_question_beyond_reason_is_refused_with_a_way_out(chosen, order, said):
    with pytest.raises(TooCostly, match=f"{said}.*narrow the search"):
        refuse_costly(chosen, order)
    assert estimated_cost(chosen, order) > 0


def test_what_very_many_resources_contain_is_not_judged():
    refuse_many_containers(plan(finds=1e4))
    with pytest.raises(TooCostly, match="read for what they contain") as refused:
        refuse_many_containers(plan(finds=1e6))
    assert refused.value.issues[0].expression == "_contained"
