/* Which lines: the hottest with their source text, own code first, the states of each line's time beside it. */
import { useMemo, useState } from "preact/hooks";
import type { Recording } from "./data";
import { percent, plusMinus, shortFile, time, visible } from "./format";
import { StateMix } from "./statebar";
import { Sentence } from "./text";
import { halfWidth, sumLines, type LineSum, type Strata } from "./sums";
import { isFiltered, type View } from "./view";

const FIRST = 5;
const MOST = 50;
const AROUND = 4;

function Source({ recording, line }: { recording: Recording; line: LineSum }) {
  const text = recording.source.get(line.file);
  const numbers: number[] = [];
  for (let at = Math.max(1, line.line - AROUND); at <= line.line + AROUND; at++) if (text?.has(at)) numbers.push(at);
  if (numbers.length === 0) return <p class="soft">The recording has no source text of this place.</p>;
  return (
    <pre class="source" tabIndex={0} role="region" aria-label={`Source of ${shortFile(line.file)}`}>
      {numbers.map((at) => (
        <span key={at} class={at === line.line ? "here" : ""}>
          <span class="soft">{String(at).padStart(5)}</span> {visible(text?.get(at) ?? "").replaceAll("\\u0009", "    ")}
          {"\n"}
        </span>
      ))}
    </pre>
  );
}

interface RowProps {
  recording: Recording;
  line: LineSum;
  total: number;
  strata: Strata;
  largest: number;
  own: boolean;
  filtered: boolean;
}

function Row({ recording, line, total, strata, largest, own, filtered }: RowProps) {
  const [open, setOpen] = useState(false);
  const share = line.weight / total;
  const text = visible(recording.source.get(line.file)?.get(line.line)?.trim() ?? "");
  const place = `${visible(shortFile(line.file))}:${line.line}`;
  const work = recording.operands.get(`${line.file}:${line.line}`);
  return (
    <>
      <tr class={line.own ? "" : "library"} data-line={place}>
        <td class="number">
          <strong>{percent(share)}</strong> <span class="soft">{plusMinus(halfWidth(recording.meta.states, line.states, strata))}</span>
          <span class="heat">
            <span style={{ width: `${(line.weight / largest) * 100}%` }} />
          </span>
        </td>
        <td class="text">
          <button type="button" class="line mono" aria-expanded={open} onClick={() => setOpen(!open)}>
            {text === "" ? <span class="soft">(no source text)</span> : text}
          </button>
          <span class="place soft mono" title={visible(line.file)}>
            {place} {visible(recording.codes[line.code].name)}
            {line.own ? "" : " · library"}
          </span>
          {work !== undefined && (
            <span class="work" title="what the line works on, by looks over the whole recording">
              <Sentence text={work} />
              {filtered && <span class="soft">, whole recording</span>}
            </span>
          )}
        </td>
        <td class="states">
          <StateMix states={recording.meta.states} weights={line.states} words />
        </td>
        {own && <td class="number">{line.library > 0 ? percent(line.library / total) : ""}</td>}
        <td class="number">{time(line.weight)}</td>
      </tr>
      {open && (
        <tr class="opened">
          <td colSpan={own ? 5 : 4}>
            <Source recording={recording} line={line} />
          </td>
        </tr>
      )}
    </>
  );
}

export function HotLines({ recording, view }: { recording: Recording; view: View }) {
  const { lines, elsewhere, total, strata } = useMemo(
    () => sumLines(recording, view),
    [recording, view.clock, view.process, view.thread, view.states, view.range, view.own, view.idle],
  );
  const [limit, setLimit] = useState(FIRST);
  if (lines.length === 0) return <p class="soft">No Python line has time under these filters.</p>;
  const largest = lines.reduce((most, line) => Math.max(most, line.weight), 0);
  return (
    <>
      <div class="scroll">
        <table class="lines" id="lines">
          <thead>
            <tr>
              <th scope="col" class="number">
                of {view.clock === "cpu" ? "CPU time" : "time"}
              </th>
              <th scope="col">line</th>
              <th scope="col">states of its time</th>
              {view.own && (
                <th scope="col" class="number">
                  in libraries
                </th>
              )}
              <th scope="col" class="number">
                time
              </th>
            </tr>
          </thead>
          <tbody>
            {lines.slice(0, limit).map((line) => (
              <Row
                key={`${line.file}:${line.line}`}
                recording={recording}
                line={line}
                total={total}
                strata={strata}
                largest={largest}
                own={view.own}
                filtered={isFiltered(view)}
              />
            ))}
          </tbody>
        </table>
      </div>
      <p class="soft lines-more">
        {lines.length > limit && limit < MOST && (
          <button type="button" class="link" onClick={() => setLimit(limit === FIRST ? 20 : MOST)}>
            show more lines
          </button>
        )}
        {elsewhere > 0.001 * total && ` ${percent(elsewhere / total)} of the time has no such line.`}
      </p>
    </>
  );
}
