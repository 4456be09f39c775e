/* Where the time went: one bar of states for wall time, one for CPU time; both filter, both have a table. */
import { useMemo } from "preact/hooks";
import type { Recording, State } from "./data";
import { count, percent, plusMinus, time } from "./format";
import { background, look } from "./states";
import { halfWidth, strataOf, sumStates, type Totals } from "./sums";
import type { SetView, View } from "./view";
import { numbers, TwinTable } from "./twin";

/** A square in a state's hue and pattern with its letter. */
export function Swatch({ state }: { state: State }) {
  return (
    <span class="swatch" aria-hidden="true" style={{ background: background(state.name) }}>
      <span style={{ background: look(state.name).fill }}>{state.letter}</span>
    </span>
  );
}

interface MixProps {
  states: State[];
  weights: ArrayLike<number>;
  /** Name the three largest beside the bar. */
  words?: boolean;
}

/** A thin bar of states with its words for a screen reader. */
export function StateMix({ states, weights, words = false }: MixProps) {
  const total = Array.from(weights).reduce((sum, weight) => sum + weight, 0);
  if (!(total > 0)) return null;
  const parts = states
    .map((state, i) => ({ state, share: weights[i] / total }))
    .filter((part) => part.share > 0)
    .sort((a, b) => b.share - a.share);
  const text = parts.slice(0, 3).map((part) => `${part.state.name} ${percent(part.share)}`);
  return (
    <span class="mix">
      <span class="mix-bar" role="img" aria-label={text.join(", ")} title={text.join(", ")}>
        {parts.map((part) => (
          <span
            key={part.state.name}
            style={{ width: `${part.share * 100}%`, background: background(part.state.name) }}
          />
        ))}
      </span>
      {words && <span class="mix-words">{text.join(", ")}</span>}
    </span>
  );
}

interface BarProps {
  name: string;
  states: State[];
  weights: Float64Array;
  total: number;
  view: View;
  toggle: (state: number) => void;
}

function Bar({ name, states, weights, total, view, toggle }: BarProps) {
  return (
    <div class="bar-row">
      <span class="bar-name">{name}</span>
      <div class="bar" role="group" aria-label={`${name} time by state`}>
        {states.map((state, i) => {
          const share = weights[i] / total;
          if (!(share > 0)) return null;
          const chosen = view.states.length === 0 || view.states.includes(i);
          const label = `${state.name} ${percent(share)}`;
          return (
            <button
              type="button"
              key={state.name}
              class={chosen ? "part" : "part off"}
              style={{ flexGrow: share, background: background(state.name) }}
              aria-pressed={view.states.includes(i)}
              data-state={state.name}
              title={`${label}, ${time(weights[i])}: ${state.line}`}
              onClick={() => toggle(i)}
            >
              <span class="label" style={{ background: look(state.name).fill }}>
                <span class="letter" aria-hidden="true">
                  {state.letter}
                </span>
                <span class="word">{state.name} </span>
                <span class="share">{percent(share)}</span>
                <span class="hidden">, {time(weights[i])}</span>
              </span>
            </button>
          );
        })}
      </div>
      <span class="bar-total">{time(total)}</span>
    </div>
  );
}

/** The interval of a state's share: the diagnosis's own where the view shows the whole recording. */
function interval(recording: Recording, view: View, totals: Totals, i: number): number {
  const diagnosis = recording.meta.diagnosis;
  const whole = view.process === 0 && view.thread === 0 && view.range === null && !view.idle;
  if (whole && diagnosis && diagnosis.wall[i]) return (diagnosis.wall[i][2] - diagnosis.wall[i][1]) / 2;
  const part = totals.stateWall.map((time, state) => (state === i ? time : 0));
  return halfWidth(recording.meta.states, part, strataOf(recording.meta.states, totals.stateWall, totals.stateTicks));
}

function StateTable({ recording, view, totals }: { recording: Recording; view: View; totals: Totals }) {
  const { states } = recording.meta;
  const share = (value: number, of: number) => (of > 0 ? percent(value / of) : "");
  return (
    <TwinTable
      id="state-table"
      label="Table of states"
      columns={["state", "the thread", ...numbers("wall", "±", "wall time", "CPU", "CPU time", "samples")]}
    >
      {states.map((state, i) =>
        totals.stateWall[i] > 0 || totals.stateCpu[i] > 0 ? (
          <tr key={state.name} data-state={state.name}>
            <th scope="row">
              <Swatch state={state} /> {state.name}
            </th>
            <td class="soft">{state.line}</td>
            <td class="number">{share(totals.stateWall[i], totals.wall)}</td>
            <td class="number soft">{plusMinus(interval(recording, view, totals, i))}</td>
            <td class="number">{time(totals.stateWall[i])}</td>
            <td class="number">{totals.stateCpu[i] > 0 ? share(totals.stateCpu[i], totals.cpu) : ""}</td>
            <td class="number">{totals.stateCpu[i] > 0 ? time(totals.stateCpu[i]) : ""}</td>
            <td class="number">{count(totals.stateTicks[i])}</td>
          </tr>
        ) : null,
      )}
    </TwinTable>
  );
}

function Legend({ recording, totals, view, toggle }: Omit<BarProps, "name" | "weights" | "total" | "states"> & {
  recording: Recording;
  totals: Totals;
}) {
  const { states } = recording.meta;
  const weight = view.clock === "cpu" ? totals.stateCpu : totals.stateWall;
  const total = view.clock === "cpu" ? totals.cpu : totals.wall;
  const shown = states.map((_, i) => i).filter((i) => weight[i] > 0);
  shown.sort((a, b) => weight[b] - weight[a]);
  return (
    <ul class="legend">
      {shown.map((i) => (
        <li key={states[i].name}>
          <button
            type="button"
            class={view.states.length === 0 || view.states.includes(i) ? "" : "off"}
            aria-pressed={view.states.includes(i)}
            title={states[i].line}
            onClick={() => toggle(i)}
          >
            <Swatch state={states[i]} /> {states[i].name}{" "}
            <span class="soft">{total > 0 ? percent(weight[i] / total) : ""}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}

export function StateBar({ recording, view, set }: { recording: Recording; view: View; set: SetView }) {
  const totals = useMemo(
    () => sumStates(recording, view, false),
    [recording, view.process, view.thread, view.range, view.idle],
  );
  const toggle = (state: number) => {
    const states = view.states.includes(state)
      ? view.states.filter((other) => other !== state)
      : [...view.states, state].sort((a, b) => a - b);
    set({ states });
  };
  const { states } = recording.meta;
  if (!(totals.wall > 0)) return <p class="soft">No time was measured under these filters.</p>;
  return (
    <>
      <div class="bars">
        <Bar name="wall" states={states} weights={totals.stateWall} total={totals.wall} view={view} toggle={toggle} />
        {totals.cpu > 0 && (
          <Bar name="CPU" states={states} weights={totals.stateCpu} total={totals.cpu} view={view} toggle={toggle} />
        )}
      </div>
      <Legend recording={recording} totals={totals} view={view} toggle={toggle} />
      <details class="twin">
        <summary>The states as a table</summary>
        <StateTable recording={recording} view={view} totals={totals} />
      </details>
    </>
  );
}
