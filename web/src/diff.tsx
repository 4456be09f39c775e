/*
 * The page of keisoku diff: what got slower or faster, by how much of what; then functions, stacks and both call trees
 * as one flame graph. Red is more, blue is less, and each has its sign and number beside it.
 */
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useMemo, useState } from "preact/hooks";
import { json, type Code, type Recording } from "./data";
import { find, layOut, nameOf, placeOf, type Picture } from "./flame";
import { Canvas, Choice, SearchField } from "./flamegraph";
import { baseName, count, shortFile, time, visible } from "./format";
import type { Tree, TreeSums } from "./sums";

export interface Change {
  a: number;
  b: number;
  change: number;
  low: number;
  high: number;
  kind: string;
}

interface Side {
  file: string;
  command: string[];
  python: string;
  duration_s: number;
  cpu_s: number;
  samples: number;
  runs: string[];
}

interface DiffFunction {
  function: string;
  file: string;
  line?: number;
  own: boolean;
  self: Change;
  total: Change;
}

export interface Diff {
  schema: string;
  verdict: { sentence: string; detail: string };
  normalised: { per: string; clock: string };
  noise: { by: string; compared: number; changed: number; resolution: number };
  notes: string[];
  a: Side;
  b: Side;
  whole: Change;
  states: Record<string, Change>;
  functions: DiffFunction[];
  lines: { function: string; file: string; line_a?: number; line_b?: number; text?: string; self: Change }[];
  stacks: { frames: string[]; self: Change }[];
}

type CodeRow = [name: string, file: string, line: number, own: boolean, kind: number];
type Numbers = [a: number, b: number, low: number, high: number, kind: number];
type NodeRow = [parent: number, code: number, ...total: Numbers, ...self: Numbers];

interface TreeBlock {
  left_out: number;
  codes: CodeRow[];
  nodes: NodeRow[];
}

const KINDS = ["noise", "more", "less", "new", "vanished"];
const MINUS = "\u2212";
const ROWS = 20;
const TWIN_ROWS = 200;

function changeOf(row: NodeRow, at: number): Change {
  const [a, b, low, high, kind] = row.slice(at, at + 5) as Numbers;
  return { a, b, change: b - a, low, high, kind: KINDS[kind] ?? "noise" };
}

export async function loadDiff(): Promise<{ diff: Diff; block: TreeBlock }> {
  const [diff, block] = await Promise.all([json<Diff>("diff"), json<TreeBlock>("diff-tree")]);
  if (diff.schema !== "keisoku-diff/1") throw new Error(`this page's data is ${diff.schema}, its reader knows keisoku-diff/1`);
  return { diff, block };
}

/** "+1.98 s": the sign is part of the number. */
function signed(seconds: number): string {
  return `${seconds < 0 ? MINUS : "+"}${time(Math.abs(seconds) * 1e6)}`;
}

function noiseOf(change: Change): string {
  return `±${time(Math.max(change.high - change.change, change.change - change.low) * 1e6)}`;
}

function amount(seconds: number): string {
  return seconds > 0 ? time(seconds * 1e6) : "none";
}

/** What a change is called beside its number. */
function word(change: Change): string {
  if (change.kind === "new" || change.kind === "vanished") return change.kind === "new" ? "new" : "gone";
  if (change.kind !== "noise") return change.kind;
  return change.low > 0 || change.high < 0 ? "less than 1 % of the whole" : "inside the noise";
}

function Amounts({ change }: { change: Change }) {
  const told = change.kind !== "noise";
  return (
    <>
      <td class="number">
        {told ? (
          <span class={change.change > 0 ? "change more" : "change less"}>{signed(change.change)}</span>
        ) : (
          <span class="soft">not told</span>
        )}
      </td>
      <td class="number soft">{told ? noiseOf(change) : `${signed(change.low)} to ${signed(change.high)}`}</td>
      <td class="number">{amount(change.a)}</td>
      <td class="number">{amount(change.b)}</td>
      <td>{word(change)}</td>
    </>
  );
}

function AmountHeads() {
  return (
    <>
      <th scope="col" class="number">
        change
      </th>
      <th scope="col" class="number">
        interval
      </th>
      <th scope="col" class="number">
        A
      </th>
      <th scope="col" class="number">
        B
      </th>
      <th scope="col">what</th>
    </>
  );
}

function More({ left, show }: { left: number; show: () => void }) {
  if (left <= 0) return null;
  return (
    <p class="key soft">
      <button type="button" class="link" onClick={show}>
        show {count(left)} more
      </button>
    </p>
  );
}

interface ChangesProps {
  name: string; // also the table's id
  what: string;
  where: string;
  left: number;
  more: () => void;
  children: ComponentChildren;
}

/** A table of what changed: what it is, how much, and where. */
function Changes({ name, what, where, left, more, children }: ChangesProps) {
  return (
    <>
      <div class="scroll" tabIndex={0} role="region" aria-label={name[0].toUpperCase() + name.slice(1)}>
        <table id={name} class="changes">
          <thead>
            <tr>
              <th scope="col">{what}</th>
              <AmountHeads />
              <th scope="col">{where}</th>
            </tr>
          </thead>
          <tbody>{children}</tbody>
        </table>
      </div>
      <More left={left} show={more} />
    </>
  );
}

function Functions({ diff }: { diff: Diff }) {
  const [which, setWhich] = useState("changed");
  const [rows, setRows] = useState(ROWS);
  const more = () => setRows(Infinity);
  const all = diff.functions.filter((row) => which !== "changed" || row.self.kind !== "noise");
  return (
    <>
      <div class="tools">
        <Choice name="Functions" value={which} of={["changed", "all"]} set={setWhich} />
        <span class="soft">
          {count(diff.noise.changed)} of {count(diff.noise.compared)} functions differ in their own time by more than the
          noise
        </span>
      </div>
      {all.length > 0 && (
        <Changes name="functions" what="function" where="file:line" left={all.length - rows} more={more}>
          {all.slice(0, rows).map((row, i) => (
            <tr key={i} class={row.own ? "own" : ""}>
              <td class="mono name">{visible(row.function)}</td>
              <Amounts change={row.self} />
              <td class="mono soft">
                {visible(shortFile(row.file))}
                {row.line ? `:${row.line}` : ""}
              </td>
            </tr>
          ))}
        </Changes>
      )}
    </>
  );
}

function Lines({ diff }: { diff: Diff }) {
  const [rows, setRows] = useState(ROWS);
  const all = diff.lines.filter((row) => row.self.kind !== "noise");
  if (all.length === 0) return <p class="soft">No line differs by more than the noise.</p>;
  const more = () => setRows(Infinity);
  return (
    <Changes name="lines" what="line" where="file:line, A to B" left={all.length - rows} more={more}>
      {all.slice(0, rows).map((row, i) => (
        <tr key={i}>
          <td class="mono name">{visible(row.text ?? row.function)}</td>
          <Amounts change={row.self} />
          <td class="mono soft">
            {visible(shortFile(row.file))}:{row.line_a ?? row.line_b}
            {row.line_a && row.line_b && row.line_a !== row.line_b ? ` → ${row.line_b}` : ""}
          </td>
        </tr>
      ))}
    </Changes>
  );
}

function Stacks({ diff }: { diff: Diff }) {
  const [rows, setRows] = useState(ROWS);
  if (diff.stacks.length === 0) return <p class="soft">No stack differs by more than the noise.</p>;
  return (
    <>
      <div class="scroll" tabIndex={0} role="region" aria-label="Stacks">
        <table id="stacks" class="changes">
          <thead>
            <tr>
              <th scope="col">stack, innermost first</th>
              <AmountHeads />
            </tr>
          </thead>
          <tbody>
            {diff.stacks.slice(0, rows).map((row, i) => (
              <tr key={i}>
                <td class="mono name">{row.frames.slice(0, 30).map(visible).join(" ← ")}</td>
                <Amounts change={row.self} />
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <More left={diff.stacks.length - rows} show={() => setRows(Infinity)} />
    </>
  );
}

/** Both call trees as one; a frame is as wide as the mean of A and B, so that what is gone is still there. */
function treeOf(block: TreeBlock) {
  const n = block.nodes.length;
  const codes: Code[] = block.codes.map(([name, file, firstLine, own, kind]) => ({ name, file, firstLine, own, kind }));
  const parent = Uint32Array.from(block.nodes, (row, i) => (row[0] < i ? row[0] : 0));
  const code = Uint32Array.from(block.nodes, (row) => Math.min(row[1], codes.length - 1));
  const line = new Uint32Array(n);
  const index = Uint32Array.from(block.nodes, (_, i) => i);
  const tree: Tree = { count: n, parent, code, line, place: index, of: index };
  const mean = (row: NodeRow, at: number) => ((row[at] + row[at + 1]) / 2) * 1e6;
  const sums: TreeSums = {
    total: Float64Array.from(block.nodes, (row) => mean(row, 2)),
    self: Float64Array.from(block.nodes, (row) => mean(row, 7)),
    ticks: new Float64Array(n),
    states: new Float32Array(0),
    nStates: 0,
  };
  const recording = { meta: { states: [] }, codes, nodes: { count: n, parent, code, line } } as unknown as Recording;
  const totals = block.nodes.map((row) => changeOf(row, 2));
  const selves = block.nodes.map((row) => changeOf(row, 7));
  return { recording, tree, sums, totals, selves };
}

function Facts({ picture, totals, selves, at }: { picture: Picture; totals: Change[]; selves: Change[]; at: number }) {
  const node = picture.layout.node[at];
  const tell = (change: Change) =>
    change.kind === "noise"
      ? `inside the noise (${signed(change.low)} to ${signed(change.high)})`
      : `${signed(change.change)} ${noiseOf(change)}, ${word(change)}`;
  const place = placeOf(picture.recording, picture.tree, node);
  return (
    <>
      <strong class="mono">{nameOf(picture.recording, picture.tree, node)}</strong>
      {place !== "" && <span class="mono soft">{place}</span>}
      <span>
        A {amount(totals[node].a)}, B {amount(totals[node].b)}: {tell(totals[node])}
      </span>
      {(selves[node].a > 0 || selves[node].b > 0) && <span class="soft">itself {tell(selves[node])}</span>}
    </>
  );
}

function Twin({ picture, totals }: { picture: Picture; totals: Change[] }) {
  const { layout, recording, tree, top } = picture;
  const rows: number[] = [];
  for (let i = top; i < layout.end[top] && rows.length < TWIN_ROWS; i++) {
    if (i === top || totals[layout.node[i]].kind !== "noise") rows.push(i);
  }
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Call tree">
      <table class="changes tree">
        <thead>
          <tr>
            <th scope="col">function, with what it calls</th>
            <AmountHeads />
          </tr>
        </thead>
        <tbody>
          {rows.map((i) => (
            <tr key={i}>
              <td
                class="mono name"
                ref={(cell) => cell?.style.setProperty("--level", String(layout.depth[i] - layout.depth[top]))}
              >
                {nameOf(recording, tree, layout.node[i])}
              </td>
              <Amounts change={totals[layout.node[i]]} />
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Fills by how much of the whole a change is; three steps of each colour. */
function useMarks(totals: Change[], dark: boolean): NonNullable<Picture["marks"]> {
  return useMemo(() => {
    const style = getComputedStyle(document.documentElement);
    const list = (name: string) => style.getPropertyValue(name).trim().split(/\s+/);
    const [more, less, same] = [list("--flame-more"), list("--flame-less"), list("--flame-library")];
    const whole = Math.max(totals[0]?.a ?? 0, totals[0]?.b ?? 0);
    const level = (change: Change) => {
      const share = Math.abs(change.change) / whole;
      return share > 0.2 ? 2 : share > 0.05 ? 1 : 0;
    };
    return {
      fill: (node) => {
        const change = totals[node];
        if (change.kind === "noise") return same[0];
        return (change.change > 0 ? more : less)[level(change)];
      },
      tag: (node) => (totals[node].kind === "noise" ? "≈" : signed(totals[node].change)),
    };
  }, [totals, dark]);
}

function Flame({ block, dark }: { block: TreeBlock; dark: boolean }) {
  const { recording, tree, sums, totals, selves } = useMemo(() => treeOf(block), [block]);
  const layout = useMemo(() => layOut(tree, sums), [tree, sums]);
  const [top, setTop] = useState(0);
  const [focus, setFocus] = useState(-1);
  const [hover, setHover] = useState(-1);
  const [text, setText] = useState("");
  const search = useMemo(() => find(recording, tree, sums, text), [recording, tree, sums, text]);
  const marks = useMarks(totals, dark);
  const picture: Picture = useMemo(
    () => ({ recording, tree, sums, layout, top, found: search.found, colour: "code", focus, hover, marks }),
    [recording, tree, sums, layout, top, search, focus, hover, marks],
  );
  const zoom = (position: number) => {
    setTop(position);
    setFocus((old) => (old >= 0 ? position : old));
  };
  return (
    <>
      <div class="tools">
        <SearchField hint="Search functions and files" value={text} set={setText} />
        <output class="soft" for="search">
          {search.found && `${count(search.frames)} ${search.frames === 1 ? "frame" : "frames"}`}
        </output>
      </div>
      <Canvas
        picture={picture}
        dark={dark}
        onHover={setHover}
        onFocus={setFocus}
        onZoom={zoom}
        onReset={() => zoom(0)}
      />
      <p class="key soft">
        <span class="dot more" /> + more <span class="dot less" /> {MINUS} less <span class="dot library" /> ≈ inside the
        noise · with what it calls · a frame is as wide as the mean of A and B · click or Enter zooms, Esc shows all
        {block.left_out > 0 && ` · ${count(block.left_out)} of the smallest are left out`}
      </p>
      <div class="now" id="flame-now" role="status">
        <Facts picture={picture} totals={totals} selves={selves} at={hover >= 0 ? hover : focus >= 0 ? focus : top} />
      </div>
      <details class="twin">
        <summary>The flame graph as a table</summary>
        <Twin picture={picture} totals={totals} />
      </details>
    </>
  );
}

function Sides({ diff }: { diff: Diff }) {
  return (
    <dl class="sides">
      {([diff.a, diff.b] as const).map((side, i) => (
        <div key={i}>
          <dt>{i === 0 ? "A" : "B"}</dt>
          <dd>
            <span class="mono">{visible(baseName(side.file))}</span>{" "}
            <span class="soft">
              {side.runs.length > 1 && (
                <span class="runs" title={side.runs.map(visible).join("\n")}>
                  and {count(side.runs.length - 1)} more, means:{" "}
                </span>
              )}
              {side.command.length > 0 && `${visible(baseName(side.command[0]))} · `}
              {side.python !== "" && `Python ${visible(side.python)} · `}
              {time(side.duration_s * 1e6)} wall · {time(side.cpu_s * 1e6)} CPU · {count(side.samples)} samples
            </span>
          </dd>
        </div>
      ))}
    </dl>
  );
}

function States({ diff }: { diff: Diff }) {
  const rows = Object.entries(diff.states);
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="States">
      <table id="states" class="changes">
        <thead>
          <tr>
            <th scope="col">state of the threads</th>
            <AmountHeads />
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, change]) => (
            <tr key={name}>
              <td>{visible(name)}</td>
              <Amounts change={change} />
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The system's preference, until the button says otherwise. */
function useDark(): [boolean, () => void] {
  const [dark, setDark] = useState(() => matchMedia("(prefers-color-scheme: dark)").matches);
  useLayoutEffect(() => {
    document.documentElement.dataset.theme = dark ? "dark" : "light";
  }, [dark]);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  return [dark, () => setDark(!dark)];
}

export function DiffPage({ diff, block }: { diff: Diff; block: TreeBlock }) {
  const [dark, flip] = useDark();
  useEffect(() => {
    document.title = `${visible(baseName(diff.a.file))} → ${visible(baseName(diff.b.file))} — keisoku`;
  }, [diff]);
  return (
    <>
      <header class="masthead">
        <div>
          <p class="program">What changed from A to B</p>
          <Sides diff={diff} />
        </div>
        <span class="grow" />
        <button type="button" class="theme" id="theme" onClick={flip}>
          {dark ? "● dark" : "○ light"}
        </button>
      </header>
      <main>
        <ul class="of soft" id="notes">
          {diff.notes.map((note, i) => (
            <li key={i}>{i === 0 ? `Compared: ${visible(note)}` : visible(note)}</li>
          ))}
        </ul>
        <section class="verdict" aria-label="Verdict">
          <h1 id="verdict">{visible(diff.verdict.sentence)}</h1>
          <p id="detail">{visible(diff.verdict.detail)}</p>
        </section>
        <section aria-labelledby="functions-head">
          <h2 id="functions-head">Which functions, by their own time</h2>
          <Functions diff={diff} />
        </section>
        <section aria-labelledby="lines-head">
          <h2 id="lines-head">Which lines, by their own time</h2>
          <Lines diff={diff} />
        </section>
        <section aria-labelledby="stacks-head">
          <h2 id="stacks-head">Which stacks, the new and the gone ones too</h2>
          <Stacks diff={diff} />
        </section>
        <section aria-labelledby="how">
          <h2 id="how">How it hangs together</h2>
          <Flame block={block} dark={dark} />
        </section>
        <section aria-labelledby="states-head">
          <h2 id="states-head">What the threads did</h2>
          <States diff={diff} />
        </section>
      </main>
      <footer class="foot soft">
        <p>
          Intervals are {diff.noise.by === "runs" ? "by the spread between the runs" : "by the samples of one run each"}{" "}
          and hold for all functions together in 95 of 100 comparisons; what is inside its interval, or less than a
          hundredth of the whole, is not told as a change.
        </p>
      </footer>
    </>
  );
}
