"""Eclipse Kapua's REST API, as its page, its description and its source have it."""
