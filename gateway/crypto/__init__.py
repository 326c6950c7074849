"""Keys, signatures, encryption and safe parsing; knows no transaction."""
