"""The PostgreSQL server of the tests, if there is one; .ci/postgres starts it and says where it is."""

import os
import uuid

import pytest

SERVER = "ABLATE_POSTGRES"


def new_database() -> str:
    """The URL of an empty database; skips the test where there is no server."""
    server = os.environ.get(SERVER)
    if server is None:
        pytest.skip(f"{SERVER} names no PostgreSQL server")
    psycopg = pytest.importorskip("psycopg")
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return f"{server.rpartition('/')[0]}/{name}"
