"""The results that the pages are made of: frozen types, one module a section of the page."""
