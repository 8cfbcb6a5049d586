"""One signalised intersection on the cell transmission model: see docs/traffic-light.md."""
