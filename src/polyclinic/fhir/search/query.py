"""The grammar of a search: from the pairs of a URL's query to clauses. Judges names and values, finds nothing.

Source: https://hl7.org/fhir/R4/search.html
"""
# (being written; public names are those of the plan)
