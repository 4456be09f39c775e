/* The ledger of each thread: its bar of states, what it is for, and a table of the same numbers with their intervals. */
import { useMemo } from "preact/hooks";
import type { Recording } from "./data";
import { threadName } from "./filters";
import { percent, plusMinus, time, visible } from "./format";
import { StateMix } from "./statebar";
import { addCell, eachCell, halfWidth, noTotals, strataOf, type Totals } from "./sums";
import type { SetView, View } from "./view";
import { numbers, TwinTable } from "./twin";

const SHOWN = 8;
const TABLE_ROWS = 200;

type Row = Totals & { id: number };

/** Threads under the filters, the one with most CPU time first; the chosen thread does not hide the others. */
function useRows(recording: Recording, view: View): Row[] {
  return useMemo(() => {
    const { cells, meta } = recording;
    const rows = new Map<number, Row>();
    eachCell(recording, { ...view, thread: 0 }, false, (i) => {
      const id = cells.thread[i];
      let row = rows.get(id);
      if (!row) rows.set(id, (row = { id, ...noTotals(meta.states.length) }));
      addCell(row, recording, i);
    });
    return [...rows.values()].sort((a, b) => b.cpu - a.cpu || b.wall - a.wall || a.id - b.id);
  }, [recording, view.process, view.range, view.idle]);
}

/** Several processes have a thread of that name: the process's number too. */
function tellingName(recording: Recording, rows: Row[], id: number): string {
  const { threads, processes } = recording.meta;
  const own = threads[id];
  const alike = own?.name && rows.some((row) => threads[row.id]?.name === own?.name && threads[row.id]?.process !== own?.process);
  const process = processes[own?.process ?? 0];
  return threadName(recording, id) + (alike && process ? ` · ${visible(process.name)}` : "");
}

function roleOf(recording: Recording, id: number): string {
  const thread = recording.meta.threads[id];
  if (thread?.idle) return "idle";
  return thread?.aside ? "nobody waits" : (thread?.role ?? "");
}

function ThreadTable({ recording, rows }: { recording: Recording; rows: Row[] }) {
  const { states } = recording.meta;
  const used = states.map((_, i) => i).filter((i) => rows.some((row) => row.stateWall[i] > 0));
  const cell = (row: Row, i: number) => {
    if (!(row.stateWall[i] > 0)) return "";
    const part = row.stateWall.map((value, state) => (state === i ? value : 0));
    const half = halfWidth(states, part, strataOf(states, row.stateWall, row.stateTicks));
    return `${percent(row.stateWall[i] / row.wall)} ${plusMinus(half)}`;
  };
  return (
    <TwinTable
      id="thread-table"
      label="Table of threads"
      columns={["thread", "is", ...numbers("wall", "CPU", ...used.map((i) => states[i].name))]}
    >
      {rows.slice(0, TABLE_ROWS).map((row) => (
        <tr key={row.id}>
          <th scope="row">{tellingName(recording, rows, row.id)}</th>
          <td class="soft">{roleOf(recording, row.id)}</td>
          <td class="number">{time(row.wall)}</td>
          <td class="number">{time(row.cpu)}</td>
          {used.map((i) => (
            <td class="number" key={states[i].name}>
              {cell(row, i)}
            </td>
          ))}
        </tr>
      ))}
    </TwinTable>
  );
}

export function ThreadBars({ recording, view, set }: { recording: Recording; view: View; set: SetView }) {
  const rows = useRows(recording, view);
  if (rows.length < 2) return null;
  return (
    <>
      <ul class="threads" aria-label="Threads">
        {rows.slice(0, SHOWN).map((row) => (
          <li key={row.id} class={view.thread === 0 || view.thread === row.id ? "" : "off"}>
            <button
              type="button"
              class="link"
              aria-pressed={view.thread === row.id}
              onClick={() => set({ thread: view.thread === row.id ? 0 : row.id })}
            >
              {tellingName(recording, rows, row.id)}
            </button>
            <span class="soft role">{roleOf(recording, row.id)}</span>
            <StateMix states={recording.meta.states} weights={row.stateWall} />
            <span class="number">{time(row.cpu)} CPU</span>
          </li>
        ))}
      </ul>
      {rows.length > SHOWN && <p class="soft">{rows.length - SHOWN} more threads in the table.</p>}
      <details class="twin">
        <summary>The threads as a table</summary>
        <ThreadTable recording={recording} rows={rows} />
      </details>
    </>
  );
}
