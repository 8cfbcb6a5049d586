"""What the benchmarks share: a clock, tables, and the projects that they measure."""
