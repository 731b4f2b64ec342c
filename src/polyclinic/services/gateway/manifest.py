"""What the gateway promises."""

from polyclinic.kit.manifest import Manifest

manifest = Manifest(name="gateway")
