/*
 * The flame graph's geometry and drawing, without a user interface. Nodes are laid out depth first in columns with an
 * "end of subtree" index, so that one pass draws any zoom and skips whatever is narrower than a pixel.
 */
import { Kind, type Recording } from "./data";
import { baseName, visible } from "./format";
import { canvasFill, INK, look } from "./states";
import type { Tree, TreeSums } from "./sums";

export const ROW = 24;
const STRIPE = 4;
const NARROWEST = 0.7;
export const DEEP = 36;
const DEEPEST = 400;
const WIDE = 8;
const MANY = 0.03;

/** Depth-first columns; position 0 is the root. */
export interface Layout {
  count: number;
  node: Uint32Array;
  at: Float64Array;
  width: Float64Array;
  depth: Uint16Array;
  /** The position after the last one of the subtree. */
  end: Uint32Array;
  above: Uint32Array;
  /** The position of each of the tree's nodes; -1 where it has no time. */
  of: Int32Array;
}

function childLists(tree: Tree, sums: TreeSums): { first: Int32Array; next: Int32Array } {
  const order = new Uint32Array(tree.count);
  for (let i = 0; i < tree.count; i++) order[i] = i;
  order.sort((a, b) => sums.total[a] - sums.total[b] || b - a);
  const first = new Int32Array(tree.count).fill(-1);
  const next = new Int32Array(tree.count).fill(-1);
  for (const node of order) {
    if (node === 0 || !(sums.total[node] > 0)) continue;
    next[node] = first[tree.parent[node]];
    first[tree.parent[node]] = node;
  }
  return { first, next };
}

/** Children in descending order of weight from the left. */
export function layOut(tree: Tree, sums: TreeSums): Layout {
  const { first, next } = childLists(tree, sums);
  const layout: Layout = {
    count: 0,
    node: new Uint32Array(tree.count),
    at: new Float64Array(tree.count),
    width: new Float64Array(tree.count),
    depth: new Uint16Array(tree.count),
    end: new Uint32Array(tree.count),
    above: new Uint32Array(tree.count),
    of: new Int32Array(tree.count).fill(-1),
  };
  const open: number[] = [];
  const place = (node: number, at: number) => {
    const position = layout.count++;
    layout.node[position] = node;
    layout.at[position] = at;
    layout.width[position] = sums.total[node];
    layout.depth[position] = open.length;
    layout.above[position] = open.length > 0 ? open[open.length - 1] : 0;
    layout.of[node] = position;
    open.push(position);
  };
  place(0, 0);
  let child = first[0];
  let at = 0;
  while (open.length > 0) {
    if (child >= 0 && open.length < 65535) {
      place(child, at);
      child = first[child];
      continue;
    }
    const done = open.pop() as number;
    layout.end[done] = layout.count;
    at = layout.at[done] + layout.width[done];
    child = next[layout.node[done]];
  }
  return layout;
}

export interface Picture {
  recording: Recording;
  tree: Tree;
  sums: TreeSums;
  layout: Layout;
  /** Position at the left top. */
  top: number;
  /** Nodes that match the search; null: no search. */
  found: Uint8Array | null;
  colour: "code" | "state";
  /** Position with the keyboard's focus and under the pointer; -1: none. */
  focus: number;
  hover: number;
  /** Of a comparison: a node's fill, and what stands before its name. */
  marks?: { fill: (node: number) => string; tag: (node: number) => string };
}

export interface Theme {
  paper: string;
  ink: string;
  soft: string;
  own: string[];
  library: string[];
  native: string[];
  task: string[];
  accent: string;
  onAccent: string;
  contrast: boolean;
}

/**
 * Rows to draw below `top`: down to the last one that has a frame wide enough to be seen, or many narrow ones, and no
 * more than `most`. `below` counts the rows after it.
 */
export function rowsOf(layout: Layout, top: number, pixels: number, most: number): { rows: number; below: number } {
  const perPixel = layout.width[top] / pixels;
  const sums: number[] = [];
  const widest: number[] = [];
  for (let i = top; i < layout.end[top] && perPixel > 0; ) {
    const width = layout.width[i] / perPixel;
    if (width < NARROWEST) {
      i = layout.end[i];
      continue;
    }
    const row = layout.depth[i] - layout.depth[top];
    sums[row] = (sums[row] ?? 0) + width;
    widest[row] = Math.max(widest[row] ?? 0, width);
    i++;
  }
  let rows = Math.min(sums.length, most, DEEPEST);
  while (rows > 1 && widest[rows - 1] < WIDE && sums[rows - 1] < pixels * MANY) rows--;
  return { rows: Math.max(rows, 1), below: sums.length - rows };
}

/** The frame's name as drawn and listed. */
export function nameOf(recording: Recording, tree: Tree, node: number): string {
  if (node === 0) return "all";
  const code = recording.codes[tree.code[node]];
  return visible(tree.line[node] > 0 ? `${code.name}:${tree.line[node]}` : code.name);
}

export function placeOf(recording: Recording, tree: Tree, node: number): string {
  const code = recording.codes[tree.code[node]];
  if (node === 0 || code.file === "") return "";
  const line = tree.line[node] || code.firstLine;
  return visible(line > 0 ? `${code.file}:${line}` : code.file);
}

function shade(name: string, shades: string[]): string {
  let hash = 0;
  for (let i = 0; i < name.length; i++) hash = (hash * 31 + name.charCodeAt(i)) | 0;
  return shades[(hash >>> 3) % shades.length];
}

function mainState(sums: TreeSums, node: number): number {
  let best = 0;
  for (let s = 1; s < sums.nStates; s++)
    if (sums.states[node * sums.nStates + s] > sums.states[node * sums.nStates + best]) best = s;
  return best;
}

function fitted(context: CanvasRenderingContext2D, text: string, room: number, letter: number): string {
  if (text.length * letter <= room) return text;
  const fits = Math.floor(room / letter) - 1;
  if (fits < 2) return "";
  let cut = text.slice(0, fits);
  while (cut.length > 2 && context.measureText(`${cut}…`).width > room) cut = cut.slice(0, -1);
  return `${cut}…`;
}

export class Painter {
  private readonly fills: (CanvasPattern | string)[];
  private readonly letter: number;
  private readonly scale: number;

  constructor(
    private readonly context: CanvasRenderingContext2D,
    private readonly picture: Picture,
    private readonly theme: Theme,
    private readonly pixels: number,
    scale: number,
  ) {
    this.fills = picture.recording.meta.states.map((state) => canvasFill(context, state.name, scale));
    context.font = `12px ${getComputedStyle(document.body).fontFamily}`;
    context.textBaseline = "middle";
    this.letter = context.measureText("abcdefghij_nopqrst.").width / 19;
    this.scale = scale;
  }

  /** Draws everything; the number of frames drawn. */
  draw(rows: number): number {
    const { layout, top } = this.picture;
    const { context, pixels } = this;
    context.setTransform(this.scale, 0, 0, this.scale, 0, 0);
    context.clearRect(0, 0, pixels, rows * ROW);
    const perPixel = layout.width[top] / pixels;
    let drawn = 0;
    for (let i = top; i < layout.end[top] && perPixel > 0; ) {
      const width = layout.width[i] / perPixel;
      const row = layout.depth[i] - layout.depth[top];
      if (width < NARROWEST || row >= rows) {
        i = layout.end[i];
        continue;
      }
      this.frame(i, (layout.at[i] - layout.at[top]) / perPixel, row * ROW, width);
      drawn++;
      i++;
    }
    return drawn;
  }

  private fill(node: number): CanvasPattern | string {
    const { recording, tree, sums, colour } = this.picture;
    const { theme } = this;
    if (node === 0 || theme.contrast) return theme.library[0];
    if (this.picture.marks) return this.picture.marks.fill(node);
    if (colour === "state") return this.fills[mainState(sums, node)];
    const code = recording.codes[tree.code[node]];
    if (code.kind === Kind.Task) return shade(code.name, theme.task);
    return shade(code.name, code.kind !== Kind.Python ? theme.native : code.own ? theme.own : theme.library);
  }

  private frame(position: number, x: number, y: number, width: number) {
    const { context, theme, picture } = this;
    const node = picture.layout.node[position];
    const found = picture.found !== null && picture.found[node] === 1;
    const gap = width > 3 ? 1 : 0;
    const height = ROW - 1;
    context.globalAlpha = picture.found !== null && !found && node !== 0 ? 0.32 : 1;
    context.fillStyle = found ? theme.accent : this.fill(node);
    context.fillRect(x, y, width - gap, height);
    if (theme.contrast) {
      context.strokeStyle = theme.ink;
      context.strokeRect(x + 0.5, y + 0.5, width - gap - 1, height - 1);
    }
    const striped = width > 30 && picture.colour === "code" && node !== 0 && !theme.contrast && !picture.marks;
    if (striped) this.stripe(node, x, y + height - STRIPE, width - gap);
    if (width > 24) this.label(node, found, x, y, width);
    context.globalAlpha = 1;
    if (position === picture.focus || position === picture.hover) {
      context.strokeStyle = position === picture.focus ? theme.accent : theme.ink;
      context.lineWidth = position === picture.focus ? 2.5 : 1.5;
      context.strokeRect(x + 1, y + 1, Math.max(1, width - gap - 2), height - 2);
      context.lineWidth = 1;
    }
  }

  private label(node: number, found: boolean, x: number, y: number, width: number) {
    const { context, theme, picture } = this;
    const { recording, tree } = picture;
    let text = nameOf(recording, tree, node);
    if (picture.marks) text = `${picture.marks.tag(node)}  ${text}`;
    const code = recording.codes[tree.code[node]];
    const file = node === 0 || code.file === "" ? "" : `  ${visible(baseName(code.file))}`;
    if ((text.length + file.length) * this.letter < width - 12) text += file;
    const light = picture.colour === "state" && node !== 0 && !theme.contrast;
    context.fillStyle = found ? theme.onAccent : light ? INK : theme.ink;
    const stripe = picture.colour === "code" && node !== 0 && width > 30 && !picture.marks ? STRIPE : 0;
    context.fillText(fitted(context, text, width - 9, this.letter), x + 5, y + (ROW - stripe) / 2);
  }

  /** The states of the frame's time, as a line along its foot. */
  private stripe(node: number, x: number, y: number, width: number) {
    const { sums, recording } = this.picture;
    const { context } = this;
    const total = sums.total[node];
    for (let s = 0; s < sums.nStates; s++) {
      const part = (sums.states[node * sums.nStates + s] / total) * width;
      if (!(part > 0)) continue;
      context.fillStyle = look(recording.meta.states[s].name).fill;
      context.fillRect(x, y, part, STRIPE);
      x += part;
    }
  }
}

/** The position drawn at a point; -1: none. */
export function hit(picture: Picture, pixels: number, x: number, y: number): number {
  const { layout, top } = picture;
  const row = Math.floor(y / ROW);
  const value = layout.at[top] + (x / pixels) * layout.width[top];
  let position = top;
  for (let depth = 0; depth < row; depth++) {
    let child = position + 1;
    while (child < layout.end[position] && layout.at[child] + layout.width[child] <= value) child = layout.end[child];
    if (child >= layout.end[position] || layout.at[child] > value) return -1;
    position = child;
  }
  return position;
}

export type Step = "up" | "down" | "left" | "right";

/** Where an arrow key leads: parent, heaviest child, neighbour at the same depth under the same parent. */
export function step(layout: Layout, top: number, from: number, way: Step): number {
  if (way === "up") return from === top ? top : layout.above[from];
  if (way === "down") return from + 1 < layout.end[from] ? from + 1 : from;
  if (from === top) return from;
  const above = layout.above[from];
  if (way === "right") return layout.end[from] < layout.end[above] ? layout.end[from] : from;
  let before = above + 1;
  while (before < from && layout.end[before] < from) before = layout.end[before];
  return before < from ? before : from;
}

/** Marks the nodes whose name or file contains the text (case ignored), and the share of all time under them. */
export function find(recording: Recording, tree: Tree, sums: TreeSums, text: string) {
  const wanted = text.trim().toLowerCase();
  if (wanted === "") return { found: null, frames: 0, share: 0 };
  const hits = recording.codes.map((code) => `${code.name} ${code.file}`.toLowerCase().includes(wanted));
  const found = new Uint8Array(tree.count);
  const inside = new Uint8Array(tree.count);
  let frames = 0;
  let time = 0;
  for (let node = 1; node < tree.count; node++) {
    const above = inside[tree.parent[node]];
    if (hits[tree.code[node]] && sums.total[node] > 0) {
      found[node] = 1;
      frames++;
      if (!above) time += sums.total[node];
    }
    inside[node] = above || found[node] ? 1 : 0;
  }
  return { found, frames, share: sums.total[0] > 0 ? time / sums.total[0] : 0 };
}
