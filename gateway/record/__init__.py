"""The shared health record, free of XML, JSON and SQL."""
