"""Changes of the schema, in order. Run by ``store.migrate``, never by hand; old ones are never edited."""
