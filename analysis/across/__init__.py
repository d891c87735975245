"""What several sweeps of one project say together: levels partially pooled."""
