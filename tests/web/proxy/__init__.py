"""The documented files for proxies, run by the real nginx and Caddy."""
