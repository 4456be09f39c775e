"""Nested slices of time, as the readers of trace formats see them."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest


def slices_to_sums(events: list[tuple[str, Any, str, float]]) -> tuple[dict[Any, float], dict[str, float]]:
    """(B or E, track, name, seconds) in order → seconds of each track's outermost slices, own seconds of each name.

    Fails where slices do not nest."""
    stacks: dict[Any, list[list[Any]]] = defaultdict(list)
    tracks: dict[Any, float] = defaultdict(float)
    own: dict[str, float] = defaultdict(float)
    last: dict[Any, float] = defaultdict(float)
    for kind, track, name, at in events:
        assert at >= last[track]
        last[track] = at
        if kind == "B":
            stacks[track].append([name, at, 0.0])
            continue
        name, start, inside = stacks[track].pop()
        own[name] += at - start - inside
        if stacks[track]:
            stacks[track][-1][2] += at - start
        else:
            tracks[track] += at - start
    assert not any(stacks.values())
    return tracks, own


def chrome_events(path: Path) -> tuple[list[tuple[str, Any, str, float]], dict[Any, str]]:
    names, events = {}, []
    for event in json.loads(path.read_text())["traceEvents"]:
        track = (event["pid"], event["tid"])
        if event["ph"] == "M":
            if event["name"] == "thread_name":
                names[track] = event["args"]["name"]
        else:
            events.append((event["ph"], track, event.get("name", ""), event["ts"] / 1e6))
    return events, names


def perfetto_trace(path: Path) -> Any:
    schema = pytest.importorskip("perfetto.protos.perfetto.trace.perfetto_trace_pb2")
    trace = schema.Trace()
    trace.ParseFromString(path.read_bytes())
    return trace


def perfetto_events(path: Path) -> tuple[list[tuple[str, Any, str, float]], dict[Any, str]]:
    tracks: dict[Any, str] = {}
    names: dict[int, str] = {}
    events = []
    for packet in perfetto_trace(path).packet:
        if packet.HasField("track_descriptor") and packet.track_descriptor.HasField("thread"):
            tracks[packet.track_descriptor.uuid] = packet.track_descriptor.thread.thread_name
        names |= {row.iid: row.name for row in packet.interned_data.event_names}
        if packet.HasField("track_event"):
            event = packet.track_event
            kind = {1: "B", 2: "E"}[event.type]
            name = names[event.name_iid] if kind == "B" else ""
            events.append((kind, event.track_uuid, name, packet.timestamp / 1e9))
    return events, tracks


READERS = {"chrome": chrome_events, "perfetto": perfetto_events}
