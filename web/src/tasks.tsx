/*
 * Which tasks of asyncio and greenlets wait, and which for which: a tree of awaiters as a table, with the time each ran and was found waiting.
 * What is drawn (guides, bars) stands in the same row in words. Times are of the whole recording, whatever is filtered:
 * the looks at waiting tasks are counted over all of it.
 */
import { useMemo, useState } from "preact/hooks";
import type { Recording, Task } from "./data";
import { baseName, count, percent, time, visible } from "./format";
import type { SetView } from "./view";

const FIRST = 12;
const MOST = 300;
const DEEPEST = 8;

interface Row {
  task: Task;
  level: number;
  /** Tasks that wait for it, nearest first. */
  awaiters: Task[];
}

const spent = (task: Task) => task.cpu_s * 1e6 + (task.wait_s ?? 0);

/** Awaiters before what they wait for; a chain that bites its tail is cut. */
export function rowsOf(tasks: Task[]): Row[] {
  const children = new Map<number, number[]>();
  const seen = new Set<number>();
  const rows: Row[] = [];
  const above = (i: number) => {
    const awaiter = tasks[i].awaiter ?? -1;
    return awaiter !== i && awaiter < tasks.length ? awaiter : -1;
  };
  tasks.forEach((_, i) => children.set(above(i), [...(children.get(above(i)) ?? []), i]));
  const visit = (top: number) => {
    const open: [index: number, awaiters: Task[]][] = [[top, []]];
    for (let next = open.pop(); next; next = open.pop()) {
      const [i, awaiters] = next;
      if (seen.has(i)) continue;
      seen.add(i);
      rows.push({ task: tasks[i], level: awaiters.length, awaiters });
      const below = (children.get(i) ?? []).slice().sort((a, b) => spent(tasks[a]) - spent(tasks[b]));
      for (const child of below) open.push([child, [tasks[i], ...awaiters]]);
    }
  };
  (children.get(-1) ?? []).forEach(visit);
  tasks.forEach((_, i) => visit(i));
  return rows;
}

const nameOf = (task: Task) => visible(task.name ?? task.coroutine ?? "(no name)");

function Bar({ task, largest }: { task: Task; largest: number }) {
  const share = (seconds: number) => `${largest > 0 ? (seconds / largest) * 100 : 0}%`;
  return (
    <span class="task-bar" aria-hidden="true">
      <span class="ran" style={{ width: share(task.cpu_s) }} />
      <span class="waited" style={{ width: share(task.wait_s ?? 0) }} />
    </span>
  );
}

function Wait({ task, awaiters }: { task: Task; awaiters: Task[] }) {
  const wait = task.waits_in;
  const place = wait?.file ? `${visible(baseName(wait.file))}${wait.line ? `:${wait.line}` : ""}` : "";
  const on = task.waits_on ? `${count(task.waits_on)} ${task.waits_on > 1 ? "tasks" : "task"}` : visible(wait?.on ?? "");
  return (
    <>
      {wait?.function && (
        <span class="mono">
          {visible(wait.function)} <span class="soft">{place}</span>
        </span>
      )}
      {on !== "" && wait && <span> on {on}</span>}
      {awaiters.length > 0 && <span class="chain soft">for {awaiters.map(nameOf).join(" ← ")}</span>}
    </>
  );
}

function TaskRow({ row, largest, cpu, set }: { row: Row; largest: number; cpu: number; set: SetView }) {
  const { task } = row;
  const name = nameOf(task);
  return (
    <tr data-level={row.level}>
      <th scope="row" class="task-name" ref={(cell) => cell?.style.setProperty("--level", String(Math.min(row.level, DEEPEST)))}>
        {task.cpu_s > 0 ? (
          <button type="button" class="link mono" title="mark it in the flame graph" onClick={() => set({ search: `task ${task.name ?? task.coroutine}` })}>
            {name}
          </button>
        ) : (
          <span class="mono">{name}</span>
        )}
        {task.greenlet && <span class="soft"> greenlet</span>}
        {task.count > 1 && <span class="soft"> ×{count(task.count)}</span>}
        {task.coroutine && task.name && task.coroutine !== task.name && (
          <span class="soft mono"> {visible(task.coroutine)}</span>
        )}
        <Bar task={task} largest={largest} />
      </th>
      <td class="number" data-label="ran">
        {task.cpu_s > 0 ? time(task.cpu_s * 1e6) : ""}
      </td>
      <td class="number" data-label="of CPU">
        {task.cpu_s > 0 && cpu > 0 ? percent(task.cpu_s / cpu) : ""}
      </td>
      <td class="number" data-label="waited">
        {task.wait_s ? time(task.wait_s * 1e6) : ""}
      </td>
      <td class="task-wait">
        <Wait task={task} awaiters={row.awaiters} />
      </td>
    </tr>
  );
}

function kindsOf(tasks: Task[]): string {
  const greenlets = tasks.filter((task) => task.greenlet).length;
  if (greenlets === 0) return "task of asyncio";
  return greenlets === tasks.length ? "greenlet" : "task of asyncio or greenlet";
}

export function Tasks({ recording, set }: { recording: Recording; set: SetView }) {
  const tasks = recording.meta.tasks ?? [];
  const rows = useMemo(() => rowsOf(tasks), [tasks]);
  const [limit, setLimit] = useState(FIRST);
  const cpu = recording.meta.threads.reduce((sum, thread) => sum + (thread?.run_ns ?? 0), 0) / 1e9;
  const largest = Math.max(...tasks.map((task) => task.cpu_s + (task.wait_s ?? 0)));
  return (
    <>
      <div class="scroll" tabIndex={0} role="region" aria-label="Table of tasks">
        <table class="tasks" id="tasks">
          <thead>
            <tr>
              <th scope="col">
                {kindsOf(tasks)} <span class="key ran" aria-hidden="true" /> ran{" "}
                <span class="key waited" aria-hidden="true" /> waited
              </th>
              <th scope="col" class="number">
                ran
              </th>
              <th scope="col" class="number">
                of CPU
              </th>
              <th scope="col" class="number">
                waited
              </th>
              <th scope="col">longest wait</th>
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, limit).map((row, i) => (
              <TaskRow key={i} row={row} largest={largest} cpu={cpu} set={set} />
            ))}
          </tbody>
        </table>
      </div>
      <p class="soft lines-more">
        {rows.length > limit && limit < MOST && (
          <button type="button" class="link" onClick={() => setLimit(limit === FIRST ? 60 : MOST)}>
            show more tasks
          </button>
        )}{" "}
        Over the whole recording, whatever the filters say. Below a task stand those that it waits for.
      </p>
    </>
  );
}
