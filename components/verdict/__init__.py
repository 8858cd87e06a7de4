"""What a gate decided and why: as data, and as the artifact that carries it."""
