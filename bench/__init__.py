"""How fast it is: ratios, each measured inside one run on one machine."""
