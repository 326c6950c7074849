"""Signed client calls, for the command line, the demonstration and the tests."""
