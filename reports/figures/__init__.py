"""Figures of the page: each drawn from results only, as what plotly.js takes, with its words and its table."""
