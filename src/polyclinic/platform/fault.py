"""What keeps the platform from starting or answering, in one sentence with the way out."""


class Fault(Exception):
    """A reason to stop that the person at the keyboard can act on: shown as it is, without a traceback."""
