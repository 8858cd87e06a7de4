"""What is done with a pushed model: the REST server, its client, the transformer, rollback."""
