"""What the scheduling service promises."""

from polyclinic.kit.manifest import Ask, Manifest, Scale

manifest = Manifest(
    name="scheduling",
    owns=("Appointment", "AppointmentResponse", "HealthcareService", "Schedule", "Slot"),
    asks=(Ask("records", "Location"), Ask("records", "Patient")),
    scale=Scale(at_most=4),
    system_operations=("bulk-publish",),
)
