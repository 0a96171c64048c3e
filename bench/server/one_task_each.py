"""What most projects do: one Celery task for each delivery, with a client that is kept."""

from __future__ import annotations

import os

import celery
import urllib3

app = celery.Celery("one_task_each", broker=os.environ["BENCH_BROKER"])
app.conf.update(
    task_ignore_result=True,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
)
_pool = urllib3.PoolManager(maxsize=64)


@app.task(name="deliver_one")
def deliver_one(url: str, body: str) -> None:
    _pool.request("POST", url, body=body.encode(), headers={"Content-Type": "application/json"})
