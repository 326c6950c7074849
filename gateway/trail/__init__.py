"""The trail as it is read: events of our exchanges and of other systems, by patient, person and time."""
