"""The services: folders of one shape that never import one another."""
