"""The benchmarks' own arithmetic: what is simulated must be true."""
