/* The flame graph: canvas, its controls, the line that says what is under the pointer or the keyboard's focus. */
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { Kind, type Recording } from "./data";
import { DEEP, find, hit, layOut, nameOf, Painter, placeOf, ROW, rowsOf, step, type Picture, type Theme } from "./flame";
import { count, percent, time } from "./format";
import { useWidth } from "./hooks";
import { StateMix } from "./statebar";
import { buildTree, sumTree, type Tree, type TreeSums } from "./sums";
import { TreeTable } from "./treetable";
import type { SetView, View } from "./view";

interface Props {
  recording: Recording;
  view: View;
  set: SetView;
  dark: boolean;
}

function readTheme(): Theme {
  const style = getComputedStyle(document.documentElement);
  const value = (name: string) => style.getPropertyValue(name).trim();
  const list = (name: string) => value(name).split(/\s+/);
  return {
    paper: value("--paper"),
    ink: value("--ink"),
    soft: value("--soft"),
    own: list("--flame-own"),
    library: list("--flame-library"),
    native: list("--flame-native"),
    task: list("--flame-task"),
    accent: value("--accent"),
    onAccent: value("--on-accent"),
    contrast: matchMedia("(forced-colors: active)").matches,
  };
}

const KINDS = {
  [Kind.Python]: "library",
  [Kind.Native]: "native code",
  [Kind.Kernel]: "kernel",
  [Kind.Task]: "a task of asyncio",
};

function Facts({ picture, position }: { picture: Picture; position: number }) {
  const { recording, tree, sums, layout } = picture;
  const node = layout.node[position];
  const code = recording.codes[tree.code[node]];
  const all = sums.total[0];
  const place = placeOf(recording, tree, node);
  return (
    <>
      <strong class="mono">{nameOf(recording, tree, node)}</strong>
      {place !== "" && <span class="mono soft">{place}</span>}
      <span>
        {percent(sums.total[node] / all)} of all, {time(sums.total[node])}; itself {percent(sums.self[node] / all)},{" "}
        {time(sums.self[node])}
      </span>
      <span class="soft">
        {count(sums.ticks[node])} samples
        {node > 0 && ` · ${code.own && code.kind === Kind.Python ? "own code" : KINDS[code.kind]}`}
      </span>
      <StateMix
        states={recording.meta.states}
        weights={sums.states.subarray(node * sums.nStates, (node + 1) * sums.nStates)}
        words
      />
    </>
  );
}

function Crumbs({ picture, set }: { picture: Picture; set: SetView }) {
  const { recording, tree, layout, top } = picture;
  const path: number[] = [];
  for (let at = top; at > 0; at = layout.above[at]) path.unshift(at);
  if (path.length === 0) return null;
  const shown = path.length > 6 ? path.slice(-5) : path;
  return (
    <nav class="crumbs" aria-label="Zoomed into">
      <button type="button" onClick={() => set({ zoom: 0 })}>
        all
      </button>
      {shown.length < path.length && <span class="soft">… {path.length - shown.length} callers</span>}
      {shown.map((at) => (
        <button
          type="button"
          class="mono"
          key={at}
          aria-current={at === top ? "true" : undefined}
          onClick={() => set({ zoom: tree.place[layout.node[at]] })}
        >
          {nameOf(recording, tree, layout.node[at])}
        </button>
      ))}
    </nav>
  );
}

interface CanvasProps {
  picture: Picture;
  dark: boolean;
  onHover: (position: number, x: number, y: number) => void;
  onFocus: (position: number) => void;
  onZoom: (position: number) => void;
  onReset: () => void;
}

export function Canvas({ picture, dark, onHover, onFocus, onZoom, onReset }: CanvasProps) {
  const [box, width] = useWidth();
  const canvas = useRef<HTMLCanvasElement>(null);
  const [all, setAll] = useState(false);
  const { rows, below } = useMemo(
    () => (width > 0 ? rowsOf(picture.layout, picture.top, width, all ? Infinity : DEEP) : { rows: 3, below: 0 }),
    [picture.layout, picture.top, width, all],
  );
  useLayoutEffect(() => {
    const element = canvas.current;
    const context = element?.getContext("2d");
    if (!element || !context || width === 0) return;
    const scale = Math.min(window.devicePixelRatio || 1, 3);
    element.width = Math.round(width * scale);
    element.height = Math.round(rows * ROW * scale);
    element.style.height = `${rows * ROW}px`;
    element.dataset.frames = String(new Painter(context, picture, readTheme(), width, scale).draw(rows));
  }, [picture, width, rows, dark]);

  const under = (event: MouseEvent) => {
    const rect = (event.currentTarget as HTMLElement).getBoundingClientRect();
    return hit(picture, width, event.clientX - rect.left, event.clientY - rect.top);
  };
  const focus = picture.focus >= 0 ? picture.focus : picture.top;
  const key = (event: KeyboardEvent) => {
    const arrows = { ArrowUp: "up", ArrowDown: "down", ArrowLeft: "left", ArrowRight: "right" } as const;
    const way = arrows[event.key as keyof typeof arrows];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (way) onFocus(step(picture.layout, picture.top, focus, way));
    else if (event.key === "Enter" || event.key === " ") onZoom(focus);
    else if (event.key === "Backspace") onZoom(picture.layout.above[picture.top]);
    else if (event.key === "Escape" || event.key === "Home") onReset();
    else return;
    event.preventDefault();
  };
  return (
    <div class="flame-box" ref={box}>
      <canvas
        ref={canvas}
        tabIndex={0}
        role="application"
        aria-roledescription="flame graph"
        aria-label="Flame graph. Arrow keys move between calls, Enter zooms, Backspace goes out, Escape shows everything. The same numbers are in the table below."
        aria-describedby="flame-now"
        onMouseMove={(event) => onHover(under(event), event.clientX, event.clientY)}
        onMouseLeave={() => onHover(-1, 0, 0)}
        onClick={(event) => {
          const position = under(event);
          if (position >= 0) onZoom(position);
        }}
        onFocus={() => {
          if (picture.focus < 0 && canvas.current?.matches(":focus-visible")) onFocus(picture.top);
        }}
        onBlur={() => onFocus(-1)}
        onKeyDown={key}
      />
      {below > 0 && (
        <p class="key soft">
          {count(below)} more {below === 1 ? "row" : "rows"} below; a click on a frame shows what is under it.{" "}
          {!all && rows === DEEP && (
            <button type="button" class="link" onClick={() => setAll(true)}>
              show all
            </button>
          )}
        </p>
      )}
    </div>
  );
}

function Tooltip({ picture, at }: { picture: Picture; at: { position: number; x: number; y: number } }) {
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const { width, height } = element.getBoundingClientRect();
    const x = Math.max(8, Math.min(at.x + 14, innerWidth - width - 12));
    const y = at.y + 18 + height > innerHeight ? at.y - height - 12 : at.y + 18;
    element.style.transform = `translate(${x}px, ${Math.max(8, y)}px)`;
  }, [at.position, at.x, at.y]);
  return (
    <div class="tooltip" ref={box} aria-hidden="true">
      <Facts picture={picture} position={at.position} />
    </div>
  );
}

/** The position the view's zoom stands for: its place or, filtered away, the nearest caller that is there. */
function topOf(recording: Recording, tree: Tree, sums: TreeSums, of: Int32Array, zoom: number): number {
  for (let place = zoom; place > 0; place = recording.nodes.parent[place]) {
    const node = tree.of[place];
    if (node > 0 && sums.total[node] > 0) return Math.max(0, of[node]);
  }
  return 0;
}

export function FlameGraph({ recording, view, set, dark }: Props) {
  const tree = useMemo(() => buildTree(recording, view.own, view.byLine), [recording, view.own, view.byLine]);
  const sums = useMemo(
    () => sumTree(recording, tree, view),
    [recording, tree, view.clock, view.process, view.thread, view.states, view.range, view.idle],
  );
  const layout = useMemo(() => layOut(tree, sums), [tree, sums]);
  const search = useMemo(() => find(recording, tree, sums, view.search), [recording, tree, sums, view.search]);
  const [focus, setFocus] = useState(-1);
  const [hover, setHover] = useState({ position: -1, x: 0, y: 0 });
  const top = topOf(recording, tree, sums, layout.of, view.zoom);
  useLayoutEffect(() => {
    setFocus(-1);
    setHover({ position: -1, x: 0, y: 0 });
  }, [layout]);
  const valid = (position: number) => (position < layout.count ? position : -1);
  const picture: Picture = useMemo(
    () => ({
      recording,
      tree,
      sums,
      layout,
      top,
      found: search.found,
      colour: view.colour,
      focus: valid(focus),
      hover: valid(hover.position),
    }),
    [recording, tree, sums, layout, top, search, view.colour, focus, hover.position],
  );
  const zoom = (position: number) => {
    set({ zoom: position > 0 ? tree.place[layout.node[position]] : 0 });
    setFocus((old) => (old >= 0 ? position : old));
  };
  const now = picture.focus >= 0 ? picture.focus : top;
  if (!(sums.total[0] > 0)) return <p class="soft">Nothing is left under these filters.</p>;
  return (
    <>
      <div class="tools">
        <SearchField
          hint="Search functions and files ( / )"
          value={view.search}
          set={(search) => set({ search })}
        />
        <output class="soft" id="search-result" for="search">
          {search.found && `${count(search.frames)} ${search.frames === 1 ? "frame" : "frames"}, ${percent(search.share)} of the time`}
        </output>
        <span class="grow" />
        <Choice
          name="Frames"
          value={view.byLine ? "lines" : "functions"}
          of={["functions", "lines"]}
          set={(value) => set({ byLine: value === "lines" })}
        />
        <Choice
          name="Colour"
          value={view.colour}
          of={["code", "state"]}
          set={(value) => set({ colour: value === "state" ? "state" : "code" })}
        />
      </div>
      <Crumbs picture={picture} set={set} />
      <Canvas
        picture={picture}
        dark={dark}
        onHover={(position, x, y) => setHover({ position, x, y })}
        onFocus={setFocus}
        onZoom={zoom}
        onReset={() => {
          set({ zoom: 0 });
          setFocus((old) => (old >= 0 ? 0 : old));
        }}
      />
      {view.colour === "code" && (
        <p class="key soft">
          <span class="dot own" /> own code <span class="dot library" /> library{" "}
          <span class="dot native" /> native and kernel{" "}
          {recording.meta.tasks && (
            <>
              <span class="dot task" /> task of asyncio{" "}
            </>
          )}
          · the line at a frame's foot is the states of its time · click or
          Enter zooms, arrow keys move, Esc shows all
        </p>
      )}
      <div class="now" id="flame-now" role="status">
        <Facts picture={picture} position={now} />
      </div>
      {picture.hover >= 0 && <Tooltip picture={picture} at={hover} />}
      <details class="twin">
        <summary>The flame graph as a table</summary>
        <TreeTable picture={picture} onZoom={zoom} />
      </details>
    </>
  );
}

interface SearchFieldProps {
  hint: string;
  value: string;
  set: (value: string) => void;
}

export function SearchField({ hint, value, set }: SearchFieldProps) {
  return (
    <label class="search">
      <span class="hidden">Search functions and files</span>
      <input
        type="search"
        id="search"
        placeholder={hint}
        value={value}
        onInput={(event) => set(event.currentTarget.value)}
      />
    </label>
  );
}

interface ChoiceProps {
  name: string;
  value: string;
  of: string[];
  set: (value: string) => void;
}

/** A small switch between a few words. */
export function Choice({ name, value, of, set }: ChoiceProps) {
  return (
    <span class="choice" role="group" aria-label={name}>
      {of.map((word) => (
        <button type="button" key={word} aria-pressed={word === value} onClick={() => set(word)}>
          {word}
        </button>
      ))}
    </span>
  );
}

