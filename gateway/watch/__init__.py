"""The watch: rules over the events of the trail, alerts, incidents (dynamic control with traceability)."""
