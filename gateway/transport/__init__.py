"""Sockets and TLS, nothing else."""
