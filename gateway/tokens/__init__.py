"""Assertions and access tokens as they are issued here: asked for, allowed, written."""
