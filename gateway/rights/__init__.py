"""What patients decided: kept as versions, folded into what the rights engine reads."""
