"""The medium as octets: archive, layout, pages for people."""
