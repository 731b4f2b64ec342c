"""What the listener promises."""

from polyclinic.kit.manifest import Manifest

manifest = Manifest(name="listener", owns=("Basic",), hears=("Patient.created", "Patient.updated", "Patient.deleted"))
