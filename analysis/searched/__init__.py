"""What a search did with its space: where its best runs lie, what it never tried, what it stopped trying."""
