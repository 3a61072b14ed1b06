"""The chat backend: health, version, prompts, and a counter kept in Redis."""

import json
import os
from pathlib import Path

from fastapi import FastAPI, HTTPException
from redis.asyncio import Redis
from redis.exceptions import RedisError

from .version import VERSION

PROMPTS = Path(os.environ.get("PROMPTS_FILE", "/install/share/llm-chat/prompts.json"))

app = FastAPI(title="llm-chat", version=VERSION)
redis = Redis(
    host=os.environ.get("REDIS_HOST", "db"),
    port=int(os.environ.get("REDIS_PORT", "6379")),
    decode_responses=True,
    socket_timeout=2,
    socket_connect_timeout=2,
)


@app.get("/api/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/api/version")
async def version() -> dict[str, str]:
    return {"version": VERSION}


@app.get("/api/prompts")
async def prompts() -> dict[str, str]:
    return json.loads(PROMPTS.read_text(encoding="utf-8"))


@app.get("/api/visits")
async def visits() -> dict[str, int]:
    try:
        return {"visits": await redis.incr("visits")}
    except RedisError as error:
        raise HTTPException(status_code=503, detail=f"Redis does not answer: {error}") from error
