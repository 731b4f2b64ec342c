"""Runs the command `polyclinic` with one service more: `listener`, for which records gives the type Basic up."""

from dataclasses import replace
from pathlib import Path

from polyclinic import services
from polyclinic.services.records import manifest as records

records.manifest = replace(records.manifest, owns=tuple(each for each in records.manifest.owns if each != "Basic"))
services.__path__.append(str(Path(__file__).parent))

if __name__ == "__main__":
    from polyclinic.__main__ import main

    main()
