"""From runs to findings; no HTML, no torch."""
