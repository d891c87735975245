"""What a sweep file means; one truth for analysis, narrowing and the agent."""
