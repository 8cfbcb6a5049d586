"""Where sessions execute: one file for each backend, behind the calls of `base.Backend`."""
