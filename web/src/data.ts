/*
 * Reads the blocks that lib/export/html.c writes: deflated, base64, in script elements of type text/plain. Everything
 * in them came from a measured program in the end and is treated as data: numbers are bounded, names become text nodes.
 */

export interface State {
  name: string;
  letter: string;
  on_cpu: boolean;
  line: string;
}

export interface Process {
  pid: number;
  /** Its number and what tells it from others of that number. */
  name: string;
  parent: number;
  command: string;
  python: string;
  start_ns: number;
  end_ns: number;
  exit_status: number;
}

export interface Thread {
  tid: number;
  process: number;
  name: string;
  start_ns: number;
  end_ns: number;
  run_ns: number;
  delay_ns: number;
  idle: boolean;
  /** What it is for: main, request, worker, other. */
  role?: string;
  /** Nobody was seen to wait for it: no advice is about it. */
  aside?: boolean;
}

export interface Evidence {
  measure: string;
  value: number | null;
  low?: number | null;
  high?: number | null;
  unit: string;
}

export interface Finding {
  tag: string;
  prescription: string;
  sentence: string;
  action: string;
  confidence: number;
  function?: string;
  file: string;
  line: number;
  /** The lines that it is about, where they are several. */
  line_first?: number;
  line_last?: number;
  max_gain: number;
  gain_law: string;
  /** So many times the work in the same time, where the work grows with the cores; 0: not given. */
  scaled_gain: number;
  predicted_low: number;
  predicted_high: number;
  check_command: string;
  /** What another measurement would tell, and its command; absent: none is named. */
  next_tells?: string;
  next_command?: string;
  evidence: Evidence[];
  not_measured: string[];
}

export interface Trust {
  samples: number;
  own_cpu_ns: number;
  core_taken_ns: number;
  own_rss_bytes: number;
  sweeps: number;
  sweeps_planned: number;
  late: number;
  reads: number;
  rereads: number;
  stops: number;
  native_whole: number;
  native_cut: number;
  rate_asked_hz: number;
  rate_hz: number;
  readers: Record<string, number>;
  losses: { name: string; line: string; count: number }[];
}

/** Of asyncio, or a greenlet: one, or all of a function that are only numbered. As in the JSON report. */
export interface Task {
  greenlet?: boolean;
  name?: string;
  coroutine?: string;
  count: number;
  cpu_s: number;
  wait_s?: number;
  waits_in?: { function?: string; file?: string; line?: number; on?: string; wait_s: number };
  waits_on?: number;
  /** The index of the task that waits for it. */
  awaiter?: number;
}

export type Share = [share: number, low: number, high: number];

export interface Meta {
  format: number;
  file: string;
  directory: string;
  mode: string;
  evidence: string;
  version: string;
  started_ms: number;
  duration_ns: number;
  cores: number;
  cores_allowed: number;
  cores_quota: number;
  complete: boolean;
  command: string[];
  notes: string[];
  trust: Trust;
  states: State[];
  processes: (Process | null)[];
  threads: (Thread | null)[];
  diagnosis: null | {
    findings: Finding[];
    wall: Share[];
    cpu: Share[];
    cores_used: number;
    cores_free: number;
    lost: number;
    core_taken: number;
    unfollowed: number;
    /** What code had the CPU over the whole recording, in words, and what told it. */
    code?: string;
    code_by?: string;
  };
  view: { cpu: boolean };
  /** What lines work on, in words: of the whole recording. */
  operands?: { file: string; line: number; text: string }[];
  tasks?: Task[];
  buckets: number;
  folded_ns: number;
  /** Pauses of the recorder, which the clock does not count: when (ns), and for how long (ns). */
  gaps?: [number, number][];
  /** Each core that its threads were found on: number, their CPU time, run delay, everybody's time (0: not known), ns. */
  /** Of the lines: file, line, function, bytes and blocks in use at the most, bytes asked for. */
  memory?: { processes: number; asked: number; most: number; lines: [string, number, string, number, number, number][] };
  core_use?: [number, number, number, number][];
  series?: { cores_busy?: number[]; rss_bytes?: number[] };
}

export enum Kind {
  Python,
  Native,
  Kernel,
  /** A task of asyncio, above its coroutine. */
  Task,
}

export interface Code {
  name: string;
  file: string;
  firstLine: number;
  kind: Kind;
  own: boolean;
}

/** Places in call-tree order: a parent's index is smaller than its children's; 0 is the root. */
export interface Nodes {
  count: number;
  parent: Uint32Array;
  code: Uint32Array;
  line: Uint32Array;
}

/** Time (µs) of one thread at one node in one state in one bucket. */
export interface Cells {
  count: number;
  thread: Uint32Array;
  node: Uint32Array;
  state: Uint8Array;
  bucket: Uint16Array;
  wall: Float64Array;
  cpu: Float64Array;
  ticks: Float64Array;
}

export interface Recording {
  meta: Meta;
  codes: Code[];
  nodes: Nodes;
  cells: Cells;
  /** Source text by file, then by line. */
  source: Map<string, Map<number, string>>;
  /** What a line works on, in words, by "FILE:LINE". */
  operands: Map<string, string>;
}

class Reader {
  private at = 0;
  constructor(private readonly bytes: Uint8Array) {}

  varint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      if (this.at >= this.bytes.length) throw new Error("a data block of this page is cut short");
      const byte = this.bytes[this.at++];
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
  }

  signed(): number {
    const value = this.varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  /** A count of things of at least `size` bytes each: no more than what is left can hold. */
  count(size: number): number {
    const value = this.varint();
    if (value * size > this.bytes.length - this.at + size) throw new Error("a data block of this page is damaged");
    return value;
  }
}

async function inflate(name: string): Promise<Uint8Array> {
  const element = document.getElementById(`keisoku-${name}`);
  if (!element) throw new Error(`this page has no ${name} block: it holds no recording`);
  const text = atob(element.textContent ?? "");
  element.remove();
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

export async function json<T>(name: string): Promise<T> {
  return JSON.parse(new TextDecoder().decode(await inflate(name))) as T;
}

function readNodes(reader: Reader, strings: string[]): { codes: Code[]; nodes: Nodes } {
  const nCodes = reader.count(4);
  const codes: Code[] = [{ name: "all", file: "", firstLine: 0, kind: Kind.Python, own: true }];
  for (let i = 1; i < nCodes; i++) {
    const name = strings[reader.varint()] || "(unnamed)";
    const file = strings[reader.varint()] ?? "";
    const firstLine = reader.varint();
    const flags = reader.varint();
    codes.push({ name, file, firstLine, kind: Math.min(flags >> 1, Kind.Task), own: (flags & 1) === 1 });
  }
  const count = reader.count(3);
  const parent = new Uint32Array(count);
  const code = new Uint32Array(count);
  const line = new Uint32Array(count);
  for (let i = 1; i < count; i++) parent[i] = Math.max(0, i - Math.max(1, reader.varint()));
  for (let i = 1; i < count; i++) code[i] = Math.min(reader.varint(), codes.length - 1);
  for (let i = 1; i < count; i++) line[i] = Math.max(0, reader.signed() + codes[code[i]].firstLine);
  return { codes, nodes: { count, parent, code, line } };
}

function readCells(reader: Reader, meta: Meta, nodes: Nodes): Cells {
  const count = reader.count(7);
  const cells: Cells = {
    count,
    thread: new Uint32Array(count),
    node: new Uint32Array(count),
    state: new Uint8Array(count),
    bucket: new Uint16Array(count),
    wall: new Float64Array(count),
    cpu: new Float64Array(count),
    ticks: new Float64Array(count),
  };
  const running = (column: Uint32Array | Uint16Array, next: () => number, limit: number) => {
    for (let i = 0, value = 0; i < count; i++) {
      value += next();
      column[i] = value >= 0 && value < limit ? value : 0;
    }
  };
  running(cells.thread, () => reader.varint(), meta.threads.length);
  running(cells.node, () => reader.signed(), nodes.count);
  for (let i = 0; i < count; i++) cells.state[i] = Math.min(reader.varint(), meta.states.length - 1);
  running(cells.bucket, () => reader.signed(), Math.max(1, meta.buckets));
  for (let i = 0; i < count; i++) cells.wall[i] = reader.varint();
  for (let i = 0; i < count; i++) cells.cpu[i] = reader.varint();
  for (let i = 0; i < count; i++) cells.ticks[i] = reader.varint();
  return cells;
}

interface SourceRun {
  file: number;
  first: number;
  lines: string[];
}

function readSource(runs: SourceRun[], strings: string[]): Map<string, Map<number, string>> {
  const source = new Map<string, Map<number, string>>();
  for (const run of runs) {
    const file = strings[run.file] ?? "";
    let lines = source.get(file);
    if (!lines) source.set(file, (lines = new Map()));
    run.lines.forEach((text, i) => lines.set(run.first + i, text));
  }
  return source;
}

export async function load(): Promise<Recording> {
  const [meta, strings, runs, nodeBytes, cellBytes] = await Promise.all([
    json<Meta>("meta"),
    json<string[]>("strings"),
    json<SourceRun[]>("source"),
    inflate("nodes"),
    inflate("cells"),
  ]);
  if (meta.format !== 1) throw new Error(`this page's data has format ${meta.format}, its reader knows 1`);
  const { codes, nodes } = readNodes(new Reader(nodeBytes), strings);
  const cells = readCells(new Reader(cellBytes), meta, nodes);
  const operands = new Map((meta.operands ?? []).map((one) => [`${one.file}:${one.line}`, one.text]));
  return { meta, codes, nodes, cells, source: readSource(runs, strings), operands };
}
