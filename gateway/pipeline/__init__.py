"""The one order in which every message is treated."""
