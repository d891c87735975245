"""How long runs lived and what ended them: ends as chances, incidence, hazard."""
