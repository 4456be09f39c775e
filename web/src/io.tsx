/* What waits for input and output are for: disk, network, pipe, subprocess; under the filters, with a table. */
import { useMemo } from "preact/hooks";
import type { Recording } from "./data";
import { count, percent, plusMinus, time } from "./format";
import { halfWidth, strataOf, sumIo, type IoSum } from "./sums";
import type { View } from "./view";
import { numbers, TwinTable } from "./twin";

const SHOWN = 0.02;

export function IoWaits({ recording, view }: { recording: Recording; view: View }) {
  const { rows, totals } = useMemo(
    () => sumIo(recording, view),
    [recording, view.process, view.thread, view.range, view.idle],
  );
  const { states } = recording.meta;
  const all = rows.reduce((sum, row) => sum + row.time, 0);
  if (!(all > SHOWN * totals.wall)) return null;
  const strata = strataOf(states, totals.stateWall, totals.stateTicks);
  const half = (row: IoSum) =>
    plusMinus(halfWidth(states, states.map((state) => (state.name === "io" ? row.time : 0)), strata));
  return (
    <>
      <p id="io">
        Waiting for input and output:{" "}
        {rows.map((row) => `${row.kind} ${percent(row.time / totals.wall)} ${half(row)}`).join(", ")}
      </p>
      <details class="twin">
        <summary>Input and output as a table</summary>
        <TwinTable
          id="io-table"
          label="Table of waits for input and output"
          columns={["waits for", ...numbers("wall", "±", "wall time", "samples")]}
        >
          {rows.map((row) => (
            <tr key={row.kind}>
              <th scope="row">{row.kind}</th>
              <td class="number">{percent(row.time / totals.wall)}</td>
              <td class="number soft">{half(row)}</td>
              <td class="number">{time(row.time)}</td>
              <td class="number">{count(row.ticks)}</td>
            </tr>
          ))}
        </TwinTable>
      </details>
    </>
  );
}
