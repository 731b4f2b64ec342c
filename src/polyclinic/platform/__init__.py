"""The only code that knows every service: finds, checks, starts, watches and stops them all."""
