/* What the page shows of the recording: process and thread, clock, own code; what is set as chips to take away. */
import { useMemo } from "preact/hooks";
import type { Recording } from "./data";
import { Choice } from "./flamegraph";
import { time, visible } from "./format";
import { programName } from "./header";
import { eachCell } from "./sums";
import { initialView, type SetView, type View } from "./view";

interface Props {
  recording: Recording;
  view: View;
  set: SetView;
}

export function threadName(recording: Recording, id: number): string {
  const thread = recording.meta.threads[id];
  return thread ? visible(thread.name || `thread ${thread.tid}`) : "";
}

export function processName(recording: Recording, id: number): string {
  const process = recording.meta.processes[id];
  if (!process) return "";
  const args = process.command.split("\0");
  const name = visible((args.find((arg, i) => i > 0 && !arg.startsWith("-")) ?? args[0]).split("/").pop() ?? "");
  return `${visible(process.name)} ${name}`;
}

/** Threads with their wall time, heaviest first, by process. */
function useThreads(recording: Recording) {
  return useMemo(() => {
    const { meta, cells } = recording;
    const wall = new Float64Array(meta.threads.length);
    eachCell(recording, { ...initialView(meta), idle: true }, false, (i) => {
      wall[cells.thread[i]] += cells.wall[i];
    });
    const cpu = new Float64Array(meta.threads.length);
    for (let i = 0; i < cells.count; i++) cpu[cells.thread[i]] += cells.cpu[i];
    const groups = meta.processes.map((process, id) => ({
      id,
      threads: process ? meta.threads.flatMap((thread, t) => (thread?.process === id ? [t] : [])) : [],
    }));
    for (const group of groups) group.threads.sort((a, b) => cpu[b] - cpu[a] || wall[b] - wall[a]);
    return { groups: groups.filter((group) => group.threads.length > 0), cpu };
  }, [recording]);
}

function ThreadSelect({ recording, view, set }: Props) {
  const { groups, cpu } = useThreads(recording);
  const { meta } = recording;
  const value = view.thread > 0 ? `t${view.thread}` : view.process > 0 ? `p${view.process}` : "all";
  const choose = (chosen: string) => {
    const id = Number(chosen.slice(1));
    set({
      process: chosen.startsWith("p") ? id : 0,
      thread: chosen.startsWith("t") ? id : 0,
    });
  };
  return (
    <label class="select">
      <span class="hidden">Process and thread</span>
      <select id="thread" value={value} onChange={(event) => choose(event.currentTarget.value)}>
        <option value="all">{groups.length > 1 ? "all processes and threads" : "all threads"}</option>
        {groups.map((group) => (
          <optgroup key={group.id} label={processName(recording, group.id)}>
            {groups.length > 1 && <option value={`p${group.id}`}>{processName(recording, group.id)}: all threads</option>}
            {group.threads.slice(0, 200).map((id) => (
              <option key={id} value={`t${id}`}>
                {threadName(recording, id)} · {time(cpu[id])} CPU{meta.threads[id]?.idle ? " · idle" : ""}
              </option>
            ))}
          </optgroup>
        ))}
      </select>
    </label>
  );
}

interface Chip {
  key: string;
  text: string;
  clear: Partial<View>;
}

function chips({ recording, view }: Omit<Props, "set">): Chip[] {
  const { meta } = recording;
  const list: Chip[] = [];
  if (view.thread > 0) list.push({ key: "thread", text: threadName(recording, view.thread), clear: { thread: 0 } });
  else if (view.process > 0)
    list.push({ key: "process", text: processName(recording, view.process), clear: { process: 0 } });
  for (const i of view.states)
    list.push({
      key: `state-${i}`,
      text: meta.states[i].name,
      clear: { states: view.states.filter((other) => other !== i) },
    });
  if (view.range) {
    const at = (bucket: number) => time(((bucket / meta.buckets) * meta.duration_ns) / 1e3);
    list.push({ key: "range", text: `${at(view.range[0])} to ${at(view.range[1])}`, clear: { range: null } });
  }
  if (view.own) list.push({ key: "own", text: "own code", clear: { own: false } });
  if (view.idle) list.push({ key: "idle", text: "with idle workers", clear: { idle: false } });
  if (view.search !== "") list.push({ key: "search", text: `“${visible(view.search)}”`, clear: { search: "" } });
  if (view.zoom > 0) list.push({ key: "zoom", text: "zoomed", clear: { zoom: 0 } });
  return list;
}

export function Filters({ recording, view, set }: Props) {
  const list = chips({ recording, view });
  const anyIdle = recording.meta.threads.some((thread) => thread?.idle);
  const none: Partial<View> = {
    ...{ process: 0, thread: 0, range: null, states: [] },
    ...{ own: false, idle: false, search: "", zoom: 0 },
  };
  return (
    <div class="filters" role="group" aria-label={`Filters of ${programName(recording.meta)}`}>
      <ThreadSelect recording={recording} view={view} set={set} />
      <Choice
        name="Clock"
        value={view.clock === "cpu" ? "CPU" : "wall"}
        of={["wall", "CPU"]}
        set={(value) => set({ clock: value === "CPU" ? "cpu" : "wall" })}
      />
      <button type="button" class="switch" id="own" aria-pressed={view.own} onClick={() => set({ own: !view.own })}>
        own code only
      </button>
      {anyIdle && (
        <button type="button" class="switch" id="idle" aria-pressed={view.idle} onClick={() => set({ idle: !view.idle })}>
          idle workers
        </button>
      )}
      {list.map((chip) => (
        <button type="button" class="chip" key={chip.key} aria-label={`Remove filter ${chip.text}`} onClick={() => set(chip.clear)}>
          {chip.text} <span aria-hidden="true">×</span>
        </button>
      ))}
      {list.length > 1 && (
        <button type="button" class="link" onClick={() => set(none)}>
          clear all
        </button>
      )}
    </div>
  );
}

