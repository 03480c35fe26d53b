"""Values looked for by simulation: where two plans cost the same, and the cheapest size of a plan."""
