"""Passerelle's engine: transports, bindings and the one security pipeline; it knows no profile."""
