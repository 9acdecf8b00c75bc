"""The faces: parse a request, ask a service, render its answer."""
