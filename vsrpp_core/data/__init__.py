"""A dataset on disk: pairs, their check, quarantine and cache. No torch."""
