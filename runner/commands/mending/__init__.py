"""What finds and mends what is broken: `verify`, `repair`, `collect`, `recover`, a module for each."""
