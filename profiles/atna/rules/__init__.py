"""What requests of the audit repository must keep."""
