"""What the scheduling service promises."""

from polyclinic.kit.manifest import Ask, Manifest, Scale

manifest = Manifest(
    name="scheduling",
    owns=("Appointment", "AppointmentResponse", "HealthcareService", "Schedule", "Slot"),
    asks=(Ask("records", "Patient"), Ask("records", "Location")),
    scale=Scale(at_most=4),
)
