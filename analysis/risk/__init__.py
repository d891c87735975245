"""Which settings carry risk, and how large an effect the sweep could have seen."""
