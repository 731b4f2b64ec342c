"""A slow and obvious reference implementation of the search page of FHIR R4, over resources in memory.

It shares no code with the product; what it reads is data: the tables of R4's definitions. Every question is answered
by looking at every resource. Source of all rules: https://hl7.org/fhir/R4/search.html
"""

from oracle.definitions import Definitions, Parameter
from oracle.search import Answer, Oracle, Refused

__all__ = ["Answer", "Definitions", "Oracle", "Parameter", "Refused"]
