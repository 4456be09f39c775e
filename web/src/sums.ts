/*
 * Sums over the cells of a recording under the view's filters. Every number on the page comes from here, so that the
 * bar, the lines, the drawing and its table agree.
 */
import { Kind, type Recording, type State } from "./data";
import type { View } from "./view";

export const LINE_LIMIT = 1 << 20;

/** What the cells of one filter add up to. Times in µs. */
export interface Totals {
  wall: number;
  cpu: number;
  ticks: number;
  stateWall: Float64Array;
  stateCpu: Float64Array;
  stateTicks: Float64Array;
}

/** Calls `visit` with the index of every cell that passes the filters; `states` false ignores the state filter. */
export function eachCell(recording: Recording, view: View, states: boolean, visit: (cell: number) => void): void {
  const { cells, meta } = recording;
  const passes = meta.threads.map(
    (thread, id) =>
      thread !== null &&
      (view.thread === 0 || view.thread === id) &&
      (view.process === 0 || view.process === thread.process) &&
      (view.idle || view.thread === id || !thread.idle),
  );
  const [from, to] = view.range ?? [0, meta.buckets];
  const wanted = meta.states.map((_, i) => !states || view.states.length === 0 || view.states.includes(i));
  for (let i = 0; i < cells.count; i++) {
    const bucket = cells.bucket[i];
    if (bucket >= from && bucket < to && passes[cells.thread[i]] && wanted[cells.state[i]]) visit(i);
  }
}

export function noTotals(states: number): Totals {
  const zeros = () => new Float64Array(states);
  return { wall: 0, cpu: 0, ticks: 0, stateWall: zeros(), stateCpu: zeros(), stateTicks: zeros() };
}

export function addCell(totals: Totals, { cells }: Recording, i: number): void {
  const state = cells.state[i];
  totals.wall += cells.wall[i];
  totals.cpu += cells.cpu[i];
  totals.ticks += cells.ticks[i];
  totals.stateWall[state] += cells.wall[i];
  totals.stateCpu[state] += cells.cpu[i];
  totals.stateTicks[state] += cells.ticks[i];
}

export function sumStates(recording: Recording, view: View, states: boolean): Totals {
  const totals = noTotals(recording.meta.states.length);
  eachCell(recording, view, states, (i) => addCell(totals, recording, i));
  return totals;
}

/** Time and samples of what shares are taken of: on the CPU, off it, and the run delay, which is counted exactly. */
export interface Strata {
  on: number;
  off: number;
  exact: number;
  onTicks: number;
  offTicks: number;
}

const Z95 = 1.959964;

/** Half of Wilson's 95 % interval of a proportion seen in `ticks` samples (as lib/diagnose/ledger.c). */
function wilsonHalf(share: number, ticks: number): number {
  if (!(ticks > 0)) return 0;
  const z2 = Z95 * Z95;
  return (Z95 * Math.sqrt((share * (1 - share)) / ticks + z2 / (4 * ticks * ticks))) / (1 + z2 / ticks);
}

function isExact(state: State): boolean {
  return state.name === "runnable";
}

/** The strata of times and samples by state. */
export function strataOf(states: State[], time: ArrayLike<number>, ticks: ArrayLike<number>): Strata {
  const strata: Strata = { on: 0, off: 0, exact: 0, onTicks: 0, offTicks: 0 };
  states.forEach((state, i) => {
    if (isExact(state)) strata.exact += time[i];
    else if (state.on_cpu) strata.on += time[i];
    else strata.off += time[i];
    if (!isExact(state) && state.on_cpu) strata.onTicks += ticks[i];
    else if (!isExact(state)) strata.offTicks += ticks[i];
  });
  return strata;
}

/**
 * Half of the 95 % interval of the share of a part, whose time by state is given. The scheduler's counters give run
 * time and run delay exactly, so each part carries the sampling error of its own stratum only.
 */
export function halfWidth(states: State[], part: ArrayLike<number>, strata: Strata): number {
  const total = strata.on + strata.off + strata.exact;
  if (!(total > 0)) return 0;
  const mine = strataOf(states, part, new Float64Array(states.length));
  const reach = (time: number, of: number, ticks: number) =>
    time > 0 && of > 0 ? (wilsonHalf(Math.min(1, time / of), ticks) * of) / total : 0;
  return Math.hypot(reach(mine.on, strata.on, strata.onTicks), reach(mine.off, strata.off, strata.offTicks));
}

/** A call tree with equal calls merged. Parents come before children; 0 is the root. */
export interface Tree {
  count: number;
  parent: Uint32Array;
  code: Uint32Array;
  /** 0 where a node stands for a whole function. */
  line: Uint32Array;
  /** A node of the recording that this one was made from (for links). */
  place: Uint32Array;
  /** The tree's node for each node of the recording. */
  of: Uint32Array;
}

/** Merges the recording's places into calls of functions (or of lines); library code into its caller when `own`. */
export function buildTree(recording: Recording, own: boolean, byLine: boolean): Tree {
  const { nodes, codes } = recording;
  const parent = new Uint32Array(nodes.count);
  const code = new Uint32Array(nodes.count);
  const line = new Uint32Array(nodes.count);
  const place = new Uint32Array(nodes.count);
  const of = new Uint32Array(nodes.count);
  const known = new Map<number, number>();
  let count = 1;
  for (let i = 1; i < nodes.count; i++) {
    const above = of[nodes.parent[i]];
    const function_ = nodes.code[i];
    if (own && !codes[function_].own) {
      of[i] = above;
      continue;
    }
    const at = byLine ? Math.min(nodes.line[i], LINE_LIMIT - 1) : 0;
    const key = (above * codes.length + function_) * LINE_LIMIT + at;
    let node = known.get(key);
    if (node === undefined) {
      node = count++;
      known.set(key, node);
      parent[node] = above;
      code[node] = function_;
      line[node] = at;
      place[node] = i;
    }
    of[i] = node;
  }
  const cut = (column: Uint32Array) => column.slice(0, count);
  return { count, parent: cut(parent), code: cut(code), line: cut(line), place: cut(place), of };
}

/** Weights of a tree's nodes under the filters, by the view's clock; `states` holds totals, node after node. */
export interface TreeSums {
  self: Float64Array;
  total: Float64Array;
  ticks: Float64Array;
  states: Float32Array;
  nStates: number;
}

export function sumTree(recording: Recording, tree: Tree, view: View): TreeSums {
  const { cells, meta } = recording;
  const nStates = meta.states.length;
  const self = new Float64Array(tree.count);
  const ticks = new Float64Array(tree.count);
  const states = new Float32Array(tree.count * nStates);
  const weight = view.clock === "cpu" ? cells.cpu : cells.wall;
  eachCell(recording, view, true, (i) => {
    const node = tree.of[cells.node[i]];
    self[node] += weight[i];
    ticks[node] += cells.ticks[i];
    states[node * nStates + cells.state[i]] += weight[i];
  });
  const total = self.slice();
  for (let node = tree.count - 1; node > 0; node--) {
    const above = tree.parent[node];
    total[above] += total[node];
    ticks[above] += ticks[node];
    for (let s = 0; s < nStates; s++) states[above * nStates + s] += states[node * nStates + s];
  }
  return { self, total, ticks, states, nStates };
}

export interface LineSum {
  file: string;
  line: number;
  code: number;
  own: boolean;
  weight: number;
  /** Of weight: in library code called from this line (own-code view only). */
  library: number;
  ticks: number;
  states: Float64Array;
}

export interface LineSums {
  lines: LineSum[];
  elsewhere: number;
  total: number;
  strata: Strata;
}

/**
 * Time by source line: of the innermost Python frame, or with `own` of the innermost frame of own code. `elsewhere` is
 * the time that no such line has.
 */
export function sumLines(recording: Recording, view: View): LineSums {
  const { cells, codes, nodes, meta } = recording;
  const lineNode = new Uint32Array(nodes.count);
  for (let i = 1; i < nodes.count; i++) {
    const code = codes[nodes.code[i]];
    const counts = code.kind === Kind.Python && nodes.line[i] > 0 && (!view.own || code.own);
    lineNode[i] = counts ? i : lineNode[nodes.parent[i]];
  }
  const weight = view.clock === "cpu" ? cells.cpu : cells.wall;
  const byPlace = new Map<string, LineSum>();
  const byNode = new Map<number, LineSum>();
  const time = new Float64Array(meta.states.length);
  const ticks = new Float64Array(meta.states.length);
  let elsewhere = 0;
  let total = 0;
  eachCell(recording, view, true, (i) => {
    const node = lineNode[cells.node[i]];
    total += weight[i];
    time[cells.state[i]] += weight[i];
    ticks[cells.state[i]] += cells.ticks[i];
    if (node === 0) {
      elsewhere += weight[i];
      return;
    }
    let sum = byNode.get(node);
    if (!sum) {
      const code = codes[nodes.code[node]];
      const key = `${nodes.line[node]} ${code.file}`;
      sum = byPlace.get(key);
      if (!sum) {
        sum = {
          file: code.file,
          line: nodes.line[node],
          code: nodes.code[node],
          own: code.own,
          weight: 0,
          library: 0,
          ticks: 0,
          states: new Float64Array(meta.states.length),
        };
        byPlace.set(key, sum);
      }
      byNode.set(node, sum);
    }
    sum.weight += weight[i];
    sum.ticks += cells.ticks[i];
    sum.states[cells.state[i]] += weight[i];
    if (!codes[nodes.code[cells.node[i]]].own) sum.library += weight[i];
  });
  const lines = [...byPlace.values()].filter((line) => line.weight > 0);
  const rank = (line: LineSum) => (line.own && line.weight >= 0.01 * total ? 0 : 1);
  lines.sort((a, b) => rank(a) - rank(b) || b.weight - a.weight);
  return { lines, elsewhere, total, strata: strataOf(meta.states, time, ticks) };
}

const IO_KINDS = ["disk", "network", "pipe", "subprocess"];

/** Waits for input and output by what they are for, which the recorder puts behind a stack as a frame of the kernel. */
export interface IoSum {
  kind: string;
  time: number;
  ticks: number;
}

export function sumIo(recording: Recording, view: View): { rows: IoSum[]; totals: Totals } {
  const { cells, codes, nodes, meta } = recording;
  const io = meta.states.findIndex((state) => state.name === "io");
  const rows = [...IO_KINDS, "other"].map((kind) => ({ kind, time: 0, ticks: 0 }));
  const totals = noTotals(meta.states.length);
  eachCell(recording, view, false, (i) => {
    addCell(totals, recording, i);
    if (cells.state[i] !== io) return;
    const code = codes[nodes.code[cells.node[i]]];
    const at = code.kind === Kind.Kernel ? IO_KINDS.indexOf(code.name) : -1;
    const row = rows[at < 0 ? IO_KINDS.length : at];
    row.time += cells.wall[i];
    row.ticks += cells.ticks[i];
  });
  return { rows: rows.filter((row) => row.time > 0), totals };
}

/** Lines of a file or, where `first` is 0, a function of it. */
export interface Place {
  file: string;
  first: number;
  last: number;
  name?: string | undefined;
}

/** What the time under the filters, by the view's clock, has of a place on its stacks. */
export interface PlaceSum {
  share: number;
  /** Time under the filters, µs. */
  total: number;
  /** Half of the share's 95 % interval. */
  half: number;
  /** Samples with time by this clock: those with the place, and all. */
  ticks: number;
  ofTicks: number;
  /** The most that a place without a sample may have: the upper end of Wilson's 95 % interval. */
  unseen: number;
  /** The place's time in each state. */
  states: Float64Array;
}

/** Which places of the recording lie at or below the one given, on a stack. */
function nodesUnder({ codes, nodes }: Recording, place: Place): Uint8Array {
  const under = new Uint8Array(nodes.count);
  for (let i = 1; i < nodes.count; i++) {
    const code = codes[nodes.code[i]];
    const line = nodes.line[i];
    const within = place.first > 0 ? line >= place.first && line <= place.last : code.name === place.name;
    under[i] = (within && code.file === place.file) || under[nodes.parent[i]] ? 1 : 0;
  }
  return under;
}

export function sumPlaces(recording: Recording, view: View, places: Place[]): PlaceSum[] {
  const { cells, meta } = recording;
  const zeros = () => new Float64Array(meta.states.length);
  const under = places.map((place) => nodesUnder(recording, place));
  const parts = places.map(() => ({ time: zeros(), ticks: 0 }));
  const weight = view.clock === "cpu" ? cells.cpu : cells.wall;
  const time = zeros();
  const ticks = zeros();
  eachCell(recording, view, true, (i) => {
    if (!(weight[i] > 0)) return;
    time[cells.state[i]] += weight[i];
    ticks[cells.state[i]] += cells.ticks[i];
    parts.forEach((part, p) => {
      if (!under[p][cells.node[i]]) return;
      part.time[cells.state[i]] += weight[i];
      part.ticks += cells.ticks[i];
    });
  });
  const sum = (values: Float64Array) => values.reduce((a, b) => a + b, 0);
  const total = sum(time);
  const ofTicks = sum(ticks);
  const strata = strataOf(meta.states, time, ticks);
  return parts.map((part) => ({
    share: total > 0 ? sum(part.time) / total : 0,
    total,
    half: halfWidth(meta.states, part.time, strata),
    ticks: part.ticks,
    ofTicks,
    unseen: (Z95 * Z95) / (ofTicks + Z95 * Z95),
    states: part.time,
  }));
}
