"""The FHIRPath of parameters that somebody defines, evaluated by fhirpathpy."""

from collections.abc import Callable
from copy import deepcopy
from functools import cache
from typing import Any

import fhirpathpy
from fhirpathpy.models import models

from oracle.paths import Node


def evaluate(expression: str, resource: dict[str, Any]) -> list[Node]:
    """Return what ``expression`` selects from ``resource``, which stays as it is: fhirpathpy writes into its input."""
    return [Node(found.path, found.data, root=resource) for found in _compiled(expression)(deepcopy(resource))]


@cache
def _compiled(expression: str) -> Callable[[dict[str, Any]], list[Any]]:
    return fhirpathpy.compile(expression, models["r4"], {"returnRawData": True})
