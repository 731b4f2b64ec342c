"""The Bundles that the benchmarks load: the Synthea set where it lies beside the project, else our demonstration."""

import datetime
import tarfile
from pathlib import Path

from stage import SYNTHEA

from polyclinic.fhir import json
from polyclinic.platform import demo

PATIENTS = 200
"""What the peers were measured with: the first 200 Bundles by name."""


def archive() -> Path | None:
    """Return the Synthea set, if it is there."""
    return next(iter(sorted(SYNTHEA.glob("*.tar.xz"))), None)


def unpack(folder: Path, patients: int = PATIENTS) -> str:
    """Write the Bundles of so many patients into ``folder``, one file each; return what they are."""
    source = archive()
    if source is None:
        return _demonstration(folder, patients)
    with tarfile.open(source) as packed:
        names = [one.name for one in packed.getmembers() if one.isfile() and one.name.endswith(".json")]
        wanted = sorted(name for name in names if not Path(name).name.startswith(("hospital", "practitioner")))
        for name in wanted[:patients]:
            content = packed.extractfile(name)
            if content is not None:
                (folder / Path(name).name).write_bytes(content.read())
    return f"the first {patients} Bundles of the Synthea set"


def _demonstration(folder: Path, patients: int) -> str:
    today = datetime.datetime.now(datetime.UTC).date()  # noqa: TID251 - a benchmark has no clock of its own
    for number, bundle in enumerate(demo.bundles(today=today, patients=patients)):
        (folder / f"{number:04}.json").write_bytes(json.encode(bundle))
    return f"the demonstration with {patients} patients, as the Synthea set is not here"
