"""Random resources and random questions about them, as hypothesis strategies.

Values come from small pools, so that questions have answers. Of each type there are at most a few resources, with the
same ids in every type, so that an id alone says little. ``HERE`` stands for the address of the running service.
"""

HERE = "http://this-server.example/fhir"
ELSEWHERE = "http://elsewhere.example/fhir"
IDS = ("a", "b", "c")
NOWHERE = "zz"
"""An id that no resource has."""
