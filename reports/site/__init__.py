"""The site: a page of all archived sweeps, their reports, and what goes across them. Static, and rebuilt by parts."""
