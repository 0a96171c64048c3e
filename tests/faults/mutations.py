"""
Ways to break the outbox on purpose, from outside: a count that stays green then proves nothing.

Each is SQL for the database's administrator. A twentieth of all subjects is hit, by their hash.
"""

from __future__ import annotations

from collections.abc import Mapping

_IS_HIT = "abs(hashtext(NEW.subject)) % 20 = 0"

_BREAK = """
CREATE FUNCTION faults_break() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF {when} THEN RETURN NULL; END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER faults_break BEFORE {event} ON outbox_outboxevent
  FOR EACH ROW EXECUTE FUNCTION faults_break();
"""

ALL: Mapping[str, str] = {
    # As if the decision's transaction had left the event out.
    "insert": _BREAK.format(event="INSERT", when=_IS_HIT),
    # As if a newer decision had not replaced what the event says.
    "version": _BREAK.format(
        event="UPDATE", when=f"{_IS_HIT} AND NEW.desired_version > OLD.desired_version"
    ),
}
