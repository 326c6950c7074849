"""Who is calling: enrolled nodes and user assertions."""
