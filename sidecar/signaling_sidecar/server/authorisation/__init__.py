"""What the access tokens of clients allow: whom the sidecar lets in, which commands it carries out, and until when."""
