"""The master patient index: who is whom, told by feeds, by matching and by people (ITI TF-1 5, 8)."""
