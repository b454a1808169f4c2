"""Alembic's entry: runs the migrations on the connection, and inside the transaction, that ``store.migrate`` gives."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
