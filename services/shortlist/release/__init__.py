"""The release on disk: manifest, checksums, schema, open and refuse. Knows no index and no model."""
