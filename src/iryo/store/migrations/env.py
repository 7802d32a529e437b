"""What Alembic runs for each command, on the connection that the caller hands over."""

from alembic import context

from iryo.store.sql import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    # The transaction is the caller's: all revisions or none, on SQLite too.
    transactional_ddl=True,
    render_as_batch=connection.dialect.name == "sqlite",
)
context.run_migrations()
