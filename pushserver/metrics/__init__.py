"""What is counted and measured: plain numbers, which Prometheus is told at a scrape."""
