"""Results to what the templates lay out, one module a section. No statistics, no markup."""
