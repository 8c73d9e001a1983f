"""What the rivals share: a session of the ORM per request. DATABASE_URL names the database."""

import os
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from db.urls import sqlalchemy_url

engine = create_async_engine(
    sqlalchemy_url(os.environ["DATABASE_URL"]),
    pool_size=10,
    connect_args={"prepare_threshold": None},
)
sessions = async_sessionmaker(engine, expire_on_commit=False)


async def get_db() -> AsyncIterator[AsyncSession]:
    async with sessions() as session:
        yield session


Db = Annotated[AsyncSession, Depends(get_db)]
