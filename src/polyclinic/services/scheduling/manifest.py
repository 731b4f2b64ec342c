"""What the scheduling service promises."""

from polyclinic.kit.manifest import Ask, Manifest, Scale

APPOINTMENT_EVENTS = (
    "proposed", "pending", "booked", "arrived", "fulfilled", "cancelled", "noshow", "entered-in-error", "checked-in",
    "waitlist", "moved", "updated", "deleted",
)  # fmt: skip
"""What changes of Appointments are called: by the new status, ``moved`` by another time, or just updated."""

manifest = Manifest(
    name="scheduling",
    owns=("Appointment", "AppointmentResponse", "HealthcareService", "Schedule", "Slot"),
    tells=tuple(f"Appointment.{each}" for each in APPOINTMENT_EVENTS),
    hears=("Patient.updated", "Patient.deleted"),
    asks=(Ask("records", "Location"), Ask("records", "Patient")),
    scale=Scale(at_most=4),
    system_operations=("bulk-publish",),
)
