/*
 * What the page shows right now: filters, zoom, search, theme. All of it lives in the address fragment, so that a link
 * shows what its sender saw and the browser's Back undoes a step.
 */
import { useCallback, useEffect, useState } from "preact/hooks";
import type { Meta } from "./data";

export interface View {
  clock: "wall" | "cpu";
  /** Ids of the recording; 0: all. */
  process: number;
  thread: number;
  /** State numbers; empty: all. */
  states: number[];
  /** Buckets [from, to); null: the whole recording. */
  range: [from: number, to: number] | null;
  own: boolean;
  idle: boolean;
  byLine: boolean;
  colour: "code" | "state";
  /** The place (node of the recording) the flame graph starts at; 0: everything. */
  zoom: number;
  search: string;
  theme: "auto" | "light" | "dark";
}

export type Change = Partial<View>;
export type SetView = (change: Change) => void;

/** Everything that was measured but idle workers. */
export function initialView(meta: Meta): View {
  return {
    /* on a starved machine only the CPU clock tells of the program */
    clock: meta.view.cpu || meta.diagnosis?.findings[0]?.tag === "starved" ? "cpu" : "wall",
    process: 0,
    thread: 0,
    states: [],
    range: null,
    own: false,
    idle: false,
    byLine: false,
    colour: "code",
    zoom: 0,
    search: "",
    theme: "auto",
  };
}

/** Is anything left out that the diagnosis is of? */
export function isFiltered(view: View): boolean {
  return view.range !== null || view.thread > 0 || view.process > 0 || view.states.length > 0;
}

/** What the filters leave, in words. */
export function chosenWords(view: View): string {
  const only = view.thread === 0 && view.process === 0 && view.states.length === 0;
  return view.range !== null && only ? "this stretch" : "what is chosen";
}

function whole(text: string, limit: number): number {
  const value = Number(text);
  return Number.isInteger(value) && value >= 0 && value < limit ? value : 0;
}

/** A fragment comes with a link and may be anything: each part is checked on its own. */
export function parse(fragment: string, meta: Meta, nodes: number): View {
  const view = initialView(meta);
  for (const [key, value] of new URLSearchParams(fragment.replace(/^#/, ""))) {
    if (key === "clock" && (value === "cpu" || value === "wall")) view.clock = value;
    if (key === "process") view.process = whole(value, meta.processes.length);
    if (key === "thread") view.thread = whole(value, meta.threads.length);
    if (key === "states") {
      const names = value.split(",");
      view.states = meta.states.flatMap((state, i) => (names.includes(state.name) ? [i] : []));
    }
    if (key === "range") {
      const [from, to] = value.split("-").map((part) => whole(part, meta.buckets + 1));
      view.range = to > from ? [from, to] : null;
    }
    if (key === "own") view.own = value === "1";
    if (key === "idle") view.idle = value === "1";
    if (key === "lines") view.byLine = value === "1";
    if (key === "colour" && (value === "code" || value === "state")) view.colour = value;
    if (key === "zoom") view.zoom = whole(value, nodes);
    if (key === "search") view.search = value.slice(0, 200);
    if (key === "theme" && (value === "light" || value === "dark")) view.theme = value;
  }
  return view;
}

export function format(view: View, meta: Meta): string {
  const start = initialView(meta);
  const parts = new URLSearchParams();
  const put = (key: string, value: string, usual: boolean) => {
    if (!usual) parts.set(key, value);
  };
  put("clock", view.clock, view.clock === start.clock);
  put("process", String(view.process), view.process === start.process);
  put("thread", String(view.thread), view.thread === start.thread);
  put("states", view.states.map((i) => meta.states[i].name).join(","), view.states.length === 0);
  put("range", view.range ? view.range.join("-") : "", String(view.range) === String(start.range));
  put("own", "1", !view.own);
  put("idle", "1", !view.idle);
  put("lines", "1", !view.byLine);
  put("colour", view.colour, view.colour === "code");
  put("zoom", String(view.zoom), view.zoom === 0);
  put("search", view.search, view.search === "");
  put("theme", view.theme, view.theme === "auto");
  return parts.toString();
}

/** The view and its setter. Typing into the search box replaces the history's entry; every other step adds one. */
export function useView(meta: Meta, nodes: number): [View, SetView] {
  const [view, setView] = useState(() => parse(location.hash, meta, nodes));
  useEffect(() => {
    const follow = () => setView(parse(location.hash, meta, nodes));
    addEventListener("popstate", follow);
    addEventListener("hashchange", follow);
    return () => {
      removeEventListener("popstate", follow);
      removeEventListener("hashchange", follow);
    };
  }, [meta, nodes]);
  const change = useCallback(
    (part: Change) => {
      setView((old) => {
        const next = { ...old, ...part };
        const fragment = `#${format(next, meta)}`;
        if (fragment !== (location.hash || "#")) {
          if ("search" in part || "range" in part) history.replaceState(null, "", fragment);
          else history.pushState(null, "", fragment);
        }
        return next;
      });
    },
    [meta],
  );
  return [view, change];
}
