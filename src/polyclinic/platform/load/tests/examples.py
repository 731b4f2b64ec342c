"""Small inputs for the tests of load."""

import io
import json
import tarfile


def transaction(*families, **more):
    """Return a Bundle that creates patients of these names and an Observation of each."""
    entries = []
    for number, family in enumerate(families):
        person = f"urn:uuid:00000000-0000-4000-8000-{number:012}"
        patient = {"resourceType": "Patient", "id": f"old-{number}", "name": [{"family": family}]}
        observation = {"resourceType": "Observation", "subject": {"reference": person}}
        entries += [
            {"fullUrl": person, "resource": patient, "request": {"method": "POST", "url": "Patient"}},
            {"resource": observation, "request": {"method": "POST", "url": "Observation"}},
        ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries, **more}


def written(folder, name, *values):
    """Write JSON values, one per line, and return the path."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(value if isinstance(value, str) else json.dumps(value) for value in values))
    return path


def tar_of(path, mode="w:xz", **contents):
    """Write a tar archive of JSON files and return its path."""
    with tarfile.open(path, mode) as archive:
        for name, value in contents.items():
            body = value if isinstance(value, bytes) else json.dumps(value).encode()
            info = tarfile.TarInfo(name.replace("__", "/") + ".json")
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
    return path
