"""The one configuration: sections, loading, overrides, digests."""
