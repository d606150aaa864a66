"""The status page, and the routes that it and our client library ask."""
