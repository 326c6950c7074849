"""What happened: audit messages, evidence, seals and their proof."""
