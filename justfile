# The developers' verbs. `just` comes with the environment that `./polyclinic test` makes: .venv/bin/just

export PATH := justfile_directory() / ".venv/bin" + ":" + env("PATH")
export PYTHONPATH := justfile_directory() / "src"

# list the verbs
help:
    @just --justfile "{{ justfile() }}" --list --unsorted

# everything that CI asks but the tests: lint, types, walls, promises
check: lint types walls promises

# how the code is written
lint:
    ruff format --check . polyclinic
    ruff check . polyclinic

# whether the types agree
types:
    mypy

# whether imports run downhill only
walls:
    lint-imports

# whether the promises of the services fit together
promises:
    python -m polyclinic check

# the tests, all or those named: just test src/polyclinic/fhir -k decimal
test *arguments:
    pytest {{ arguments }}

# one service alone in an empty folder, with its own tests: just sever records
sever name:
    pytest tests/architecture/test_severable.py -k "{{ name }}"

# measure a platform of its own: just bench --quick --what after-caching
bench *arguments:
    python bench/run.py {{ arguments }}

# kill every process during a load, then count
chaos:
    python bench/kill_during_load.py

# how long an event takes from its change to its effect: just bench-events --rate 200
bench-events *arguments:
    python bench/events.py {{ arguments }}

# kill who tells, who hears, the bus and the database while patients change, then count: just chaos-events --minutes 10
chaos-events *arguments:
    python bench/events_chaos.py {{ arguments }}

# how fast times are found, held and booked: just bench-scheduling --quick
bench-scheduling *arguments:
    python bench/scheduling.py {{ arguments }}

# fight for the same times on every path while processes are killed, then count: just bookings --attempts 1000000
bookings *arguments:
    python bench/bookings.py {{ arguments }}

# a clinic's month with the waitlist, without it, and first come first served: just bench-waitlist --seeds 3
bench-waitlist *arguments:
    python bench/waitlist.py {{ arguments }}

# make the tables of R4 anew; tools/generate_definitions.py says from what
definitions *arguments:
    python tools/generate_definitions.py {{ arguments }}
