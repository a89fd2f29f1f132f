"""What `make bench` measures: speed against plain code, on the machine it runs on."""
