"""Documents for people: one model, written as HTML, as PDF/A (ISO 19005) and as signed PDF (PAdES)."""
