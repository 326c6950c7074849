"""The command passerelle: composition root of settings, services and listeners."""
