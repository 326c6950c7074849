"""The three wire forms: how each opens, proves, seals and refuses a message."""
