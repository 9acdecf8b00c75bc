"""Eclipse Kapua's REST API, following its page, its OpenAPI document and its source."""
