"""The page and the calls that show whether everything runs: jobs, workers, queues and senders."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template
from marshmallow import Schema, fields

from foundation import clock
from foundation.schedule import is_late, list_job_states
from foundation.web import ApiBlueprint, permission, reading
from notify.engine import STANDINGS, list_queues, list_workers

engine = Blueprint("engine", __name__, url_prefix="/engine", template_folder="templates")
engine_calls = ApiBlueprint("engine_api", __name__, description="Whether jobs and workers run")


class JobAnswer(Schema):
    """A job: how often it shall run, when it last did, and what went wrong last."""

    name = fields.String()
    seconds = fields.Integer()
    last_run_at = fields.AwareDateTime(allow_none=True)
    late = fields.Boolean()
    runs = fields.Integer()
    failures = fields.Integer()
    missed = fields.Integer()
    trouble = fields.String(allow_none=True)
    trouble_at = fields.AwareDateTime(allow_none=True)
    leader = fields.String()


class WorkerAnswer(Schema):
    """A worker: what it holds and until when, and what it did in the last ten minutes."""

    name = fields.String()
    claimed = fields.Integer()
    sending = fields.Integer()
    held_until = fields.AwareDateTime(allow_none=True)
    last_began_at = fields.AwareDateTime(allow_none=True)
    attempts = fields.Integer()


class QueueAnswer(Schema):
    """What stands before a channel, by standing."""

    channel = fields.String()
    rows = fields.Dict(keys=fields.String(), values=fields.Integer())


class EngineAnswer(Schema):
    """Jobs, workers and queues."""

    jobs = fields.List(fields.Nested(JobAnswer))
    workers = fields.List(fields.Nested(WorkerAnswer))
    queues = fields.List(fields.Nested(QueueAnswer))


@engine.get("/")
@permission("deliveries.read")
def index() -> str:
    """Jobs by name with the late ones marked, workers that live, queues with their senders."""
    now = clock.now()
    with reading() as session:
        jobs = [(job, is_late(job, now)) for job in list_job_states(session)]
        workers = [(worker, worker.is_dead(now)) for worker in list_workers(session)]
        queues = list_queues(session)
    return render_template(
        "notify/engine.html",
        jobs=jobs,
        workers=workers,
        queues=queues,
        to_go=sum(queue.rows["pending"] for queue in queues),
        standings=STANDINGS,
        now=now,
    )


@engine_calls.call("GET", "/engine", answer=EngineAnswer)
@permission("deliveries.read")
def get_engine() -> dict[str, Any]:
    """Whether jobs and workers run, and what lies before them."""
    names = ("name", "seconds", "last_run_at", "runs", "failures", "missed", "trouble", "trouble_at", "leader")
    now = clock.now()
    with reading() as session:
        jobs = [
            {name: getattr(job, name) for name in names} | {"late": is_late(job, now)}
            for job in list_job_states(session)
        ]
        return {"jobs": jobs, "workers": list_workers(session), "queues": list_queues(session)}
