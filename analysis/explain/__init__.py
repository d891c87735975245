"""What a parameter explains: settings as columns, targets that can be compared, and the evaluators."""
