/* Which lines asked for what was in use when the program had most memory (run --allocs): of the whole recording. */
import type { Recording } from "./data";
import { bytes, count, percent, shortFile, visible } from "./format";
import { numbers, TwinTable } from "./twin";

const NAMED = 3;

export function MemoryLines({ recording }: { recording: Recording }) {
  const { memory } = recording.meta;
  if (memory === undefined) return null;
  const place = (file: string, line: number) => `${visible(shortFile(file))}:${line}`;
  return (
    <>
      <p id="memory">
        In use at the most, by Python&rsquo;s allocators: {bytes(memory.most)} ({memory.processes > 1 ? "each process at its most, " : ""}of the whole recording; asked for in all {bytes(memory.asked)})
        {memory.lines.slice(0, NAMED).map(([file, line, , most], at) => (
          <span key={at}>
            {at === 0 ? "; asked for by " : ", "}
            <span class="mono">{place(file, line)}</span> {percent(most / memory.most)}
          </span>
        ))}
      </p>
      <details class="twin">
        <summary>Memory as a table</summary>
        <TwinTable
          id="memory-table"
          label="Table of the lines that asked for memory"
          columns={["line", "function", ...numbers("in use at the most", "of all", "blocks", "asked for")]}
        >
          {memory.lines.map(([file, line, name, most, blocks, asked]) => (
            <tr key={`${file}:${line}`}>
              <th scope="row" class="mono" title={visible(file)}>
                {place(file, line)}
              </th>
              <td class="mono">{visible(name)}</td>
              <td class="number">{bytes(most)}</td>
              <td class="number">{percent(most / memory.most)}</td>
              <td class="number">{count(blocks)}</td>
              <td class="number">{bytes(asked)}</td>
            </tr>
          ))}
        </TwinTable>
      </details>
    </>
  );
}
