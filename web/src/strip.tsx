/*
 * When: the states over the run, busy cores and memory below. Brushing a stretch (pointer or arrow keys) filters the
 * whole page.
 */
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Recording } from "./data";
import { bytes, percent, time } from "./format";
import { useWidth } from "./hooks";
import { canvasFill } from "./states";
import { eachCell } from "./sums";
import type { SetView, View } from "./view";
import { numbers, TwinTable } from "./twin";

const STATES = 76;
const LINE = 34;
const GAP = 6;

interface Series {
  buckets: number;
  /** Time in each state, bucket after bucket. */
  states: Float64Array;
  nStates: number;
  /** The most of any bucket. */
  most: number;
}

/**
 * What a cell's time counts in the strip. A thread that lives through a bucket spends the bucket's length there, however
 * many of the jittered samples fell into it, so its time is scaled to that.
 */
function useScale(recording: Recording): (cell: number) => number {
  return useMemo(() => {
    const { cells, meta } = recording;
    const width = meta.duration_ns / 1e3 / meta.buckets;
    const sums = new Float64Array(meta.threads.length * meta.buckets);
    for (let i = 0; i < cells.count; i++) sums[cells.thread[i] * meta.buckets + cells.bucket[i]] += cells.wall[i];
    const lives = meta.threads.map((thread) => {
      const end = thread && thread.end_ns > 0 ? thread.end_ns : meta.duration_ns;
      return [(thread?.start_ns ?? 0) / 1e3 / width, end / 1e3 / width];
    });
    return (i: number) => {
      const [start, end] = lives[cells.thread[i]];
      const bucket = cells.bucket[i];
      const alive = bucket >= start && bucket + 1 <= end;
      return alive ? width / sums[cells.thread[i] * meta.buckets + bucket] : 1;
    };
  }, [recording]);
}

function useSeries(recording: Recording, view: View): Series {
  const scale = useScale(recording);
  return useMemo(() => {
    const { cells, meta } = recording;
    const nStates = meta.states.length;
    const states = new Float64Array(meta.buckets * nStates);
    const sums = new Float64Array(meta.buckets);
    const weight = view.clock === "cpu" ? cells.cpu : cells.wall;
    eachCell(recording, { ...view, range: null }, true, (i) => {
      const time = weight[i] * scale(i);
      states[cells.bucket[i] * nStates + cells.state[i]] += time;
      sums[cells.bucket[i]] += time;
    });
    return { buckets: meta.buckets, states, nStates, most: sums.reduce((most, sum) => Math.max(most, sum), 0) };
  }, [recording, view.clock, view.process, view.thread, view.states, view.idle]);
}

/** A pause has no width on the clock: it is a cut through the strip. */
const CUT = 5;

function drawGaps(context: CanvasRenderingContext2D, recording: Recording, width: number, height: number) {
  const { gaps = [], duration_ns } = recording.meta;
  const style = getComputedStyle(document.documentElement);
  for (const [at] of gaps) {
    const x = clamp((at / duration_ns) * width, CUT / 2, width - CUT / 2);
    context.fillStyle = style.getPropertyValue("--paper").trim();
    context.fillRect(x - CUT / 2, 0, CUT, height);
    context.strokeStyle = style.getPropertyValue("--ink").trim();
    context.lineWidth = 1;
    context.setLineDash([3, 3]);
    for (const side of [-CUT / 2, CUT / 2]) {
      context.beginPath();
      context.moveTo(x + side, 0);
      context.lineTo(x + side, height);
      context.stroke();
    }
    context.setLineDash([]);
  }
}

/** "paused 2 times, for 14.2 s in all, which is not counted here" */
function gapWords(recording: Recording): string {
  const gaps = recording.meta.gaps ?? [];
  if (gaps.length === 0) return "";
  const times = gaps.length === 1 ? "once" : `${gaps.length} times`;
  return `The recording was paused ${times}, for ${time(gaps.reduce((sum, gap) => sum + gap[1], 0) / 1e3)} in all: a cut, not measured.`;
}

interface Drawing {
  recording: Recording;
  series: Series;
  width: number;
  range: [number, number] | null;
}

function drawStates(context: CanvasRenderingContext2D, { recording, series, width }: Drawing, scale: number) {
  const fills = recording.meta.states.map((state) => canvasFill(context, state.name, scale));
  const snap = (bucket: number) => Math.round((bucket / series.buckets) * width * scale) / scale;
  for (let bucket = 0; bucket < series.buckets; bucket++) {
    let y = STATES;
    for (let s = 0; s < series.nStates; s++) {
      const height = (series.states[bucket * series.nStates + s] / series.most) * STATES;
      if (!(height > 0)) continue;
      context.fillStyle = fills[s];
      context.fillRect(snap(bucket), y - height, snap(bucket + 1) - snap(bucket), height);
      y -= height;
    }
  }
}

function drawLine(context: CanvasRenderingContext2D, values: number[], width: number, top: number, colour: string) {
  const most = values.reduce((a, b) => Math.max(a, b), 0) || 1;
  const y = (value: number) => top + LINE - 2 - (value / most) * (LINE - 6);
  context.beginPath();
  context.moveTo(0, y(values[0]));
  values.forEach((value, i) => context.lineTo(((i + 0.5) / values.length) * width, y(value)));
  context.lineTo(width, y(values[values.length - 1]));
  context.strokeStyle = colour;
  context.lineWidth = 1.6;
  context.stroke();
  context.lineTo(width, top + LINE);
  context.lineTo(0, top + LINE);
  context.globalAlpha = 0.12;
  context.fillStyle = colour;
  context.fill();
  context.globalAlpha = 1;
}

function lines(recording: Recording): { name: string; values: number[]; peak: string }[] {
  const { cores_busy: cores, rss_bytes: rss } = recording.meta.series ?? {};
  const most = (values: number[]) => values.reduce((a, b) => Math.max(a, b), 0);
  const list = [];
  if (cores)
    list.push({
      name: "busy cores",
      values: cores,
      peak: `busy cores, all programs: at most ${most(cores).toFixed(1)} of ${recording.meta.cores}`,
    });
  if (rss) list.push({ name: "memory", values: rss, peak: `memory: at most ${bytes(most(rss))}` });
  return list;
}

/** Cores and memory in the stretch: "busy cores, all programs: 1.4 of 8; memory: at most 20 MB". */
function seriesWords({ meta }: Recording, [from, to]: [number, number]): string {
  const { cores_busy: cores, rss_bytes: rss } = meta.series ?? {};
  const parts = [];
  if (cores) {
    const mean = cores.slice(from, to).reduce((a, b) => a + b, 0) / (to - from);
    parts.push(`busy cores, all programs: ${mean.toFixed(1)} of ${meta.cores}`);
  }
  if (rss) parts.push(`memory: at most ${bytes(rss.slice(from, to).reduce((a, b) => Math.max(a, b), 0))}`);
  return parts.length > 0 ? ` In it ${parts.join("; ")}.` : "";
}

function useDrawing(drawing: Drawing, dark: boolean) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { recording, series, width, range } = drawing;
  useLayoutEffect(() => {
    const element = canvas.current;
    const context = element?.getContext("2d");
    if (!element || !context || width === 0) return;
    const scale = Math.min(window.devicePixelRatio || 1, 3);
    const rows = lines(recording);
    const height = STATES + rows.length * (LINE + GAP + 16);
    element.width = Math.round(width * scale);
    element.height = Math.round(height * scale);
    element.style.height = `${height}px`;
    context.scale(scale, scale);
    drawStates(context, drawing, scale);
    const style = getComputedStyle(document.documentElement);
    const accent = style.getPropertyValue("--accent").trim();
    const soft = style.getPropertyValue("--soft").trim();
    context.font = `11.5px ${getComputedStyle(document.body).fontFamily}`;
    rows.forEach((row, i) => {
      const top = STATES + GAP + i * (LINE + GAP + 16);
      context.fillStyle = soft;
      context.fillText(row.peak, 0, top + 12);
      drawLine(context, row.values, width, top + 16, accent);
    });
    drawGaps(context, recording, width, height);
    if (range) {
      const [from, to] = range.map((bucket) => (bucket / series.buckets) * width);
      context.fillStyle = style.getPropertyValue("--paper").trim();
      context.globalAlpha = 0.72;
      context.fillRect(0, 0, from, height);
      context.fillRect(to, 0, width - to, height);
      context.globalAlpha = 1;
      context.strokeStyle = accent;
      context.lineWidth = 2;
      context.strokeRect(from + 1, 1, Math.max(1, to - from - 2), height - 2);
    }
  }, [recording, series, width, range, dark]);
  return canvas;
}

function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(high, value));
}

/** The stretch an arrow key leads to: moved, or with Shift made longer or shorter at its end. */
function moved(range: [number, number] | null, key: string, shift: boolean, buckets: number): [number, number] | null {
  const by = key === "ArrowRight" ? 1 : -1;
  const step = Math.max(1, Math.round(buckets / 60)) * by;
  if (!range) return [0, Math.max(1, Math.round(buckets / 10))];
  if (shift) return [range[0], clamp(range[1] + step, range[0] + 1, buckets)];
  const length = range[1] - range[0];
  const from = clamp(range[0] + step, 0, buckets - length);
  return [from, from + length];
}

function Twin({ recording, series }: { recording: Recording; series: Series }) {
  const { meta } = recording;
  const rows = Math.min(20, series.buckets);
  const at = (bucket: number) => time(((bucket / series.buckets) * meta.duration_ns) / 1e3);
  const table = [];
  for (let row = 0; row < rows; row++) {
    const from = Math.round((row * series.buckets) / rows);
    const to = Math.round(((row + 1) * series.buckets) / rows);
    const sums = meta.states.map((_, s) => {
      let sum = 0;
      for (let bucket = from; bucket < to; bucket++) sum += series.states[bucket * series.nStates + s];
      return sum;
    });
    const total = sums.reduce((a, b) => a + b, 0);
    const mean = (values: number[]) => values.slice(from, to).reduce((a, b) => a + b, 0) / (to - from);
    const top = meta.states
      .map((state, s) => ({ name: state.name, sum: sums[s] }))
      .filter((part) => part.sum > 0)
      .sort((a, b) => b.sum - a.sum)
      .slice(0, 4);
    const starts = (from / series.buckets) * meta.duration_ns;
    const ends = row === rows - 1 ? Infinity : (to / series.buckets) * meta.duration_ns;
    table.push(
      <tr key={from}>
        <th scope="row">
          {at(from)} to {at(to)}
        </th>
        <td class="number">{time(total)}</td>
        <td>{top.map((part) => `${part.name} ${percent(part.sum / total)}`).join(", ")}</td>
        <td class="number">{meta.series?.cores_busy ? mean(meta.series.cores_busy).toFixed(1) : ""}</td>
        <td class="number">{meta.series?.rss_bytes ? bytes(mean(meta.series.rss_bytes)) : ""}</td>
      </tr>,
    );
    for (const [when, length] of meta.gaps ?? []) {
      if (when < starts || when >= ends) continue;
      table.push(
        <tr key={`gap-${when}`} class="cut">
          <th scope="row">at {time(when / 1e3)}</th>
          <td colSpan={4}>paused for {time(length / 1e3)}: nothing was measured</td>
        </tr>,
      );
    }
  }
  return (
    <TwinTable
      id="strip-table"
      label="Table of the strip"
      columns={["from, to", ...numbers("thread time"), "states", ...numbers("busy cores", "memory")]}
    >
      {table}
    </TwinTable>
  );
}

function CoreUse({ recording }: { recording: Recording }) {
  const { core_use = [], duration_ns } = recording.meta;
  if (core_use.length === 0) return null;
  return (
    <details class="twin">
      <summary>Use of each core, whole recording</summary>
      <TwinTable
        id="core-table"
        label="Use of each core, whole recording"
        columns={["core", ...numbers("CPU time", "of the time", "all programs", "waited for it")]}
      >
        {core_use.map(([core, used, delay, busy]) => (
          <tr key={core}>
            <th scope="row">{core}</th>
            <td class="number">{time(used / 1e3)}</td>
            <td class="number">{percent(Math.min(1, used / duration_ns))}</td>
            <td class="number">{busy > 0 ? percent(Math.min(1, busy / duration_ns)) : ""}</td>
            <td class="number">{time(delay / 1e3)}</td>
          </tr>
        ))}
      </TwinTable>
    </details>
  );
}

interface Props {
  recording: Recording;
  view: View;
  set: SetView;
  dark: boolean;
}

export function TimeStrip({ recording, view, set, dark }: Props) {
  const series = useSeries(recording, view);
  const [box, width] = useWidth();
  const [brush, setBrush] = useState<{ from: number; to: number } | null>(null);
  const { buckets } = series;
  const range: [number, number] | null = brush
    ? [Math.min(brush.from, brush.to), Math.max(brush.from, brush.to) + 1]
    : view.range;
  const canvas = useDrawing({ recording, series, width, range }, dark);
  const bucketAt = (event: PointerEvent) => {
    const rect = (event.currentTarget as HTMLElement).getBoundingClientRect();
    return clamp(Math.floor(((event.clientX - rect.left) / rect.width) * buckets), 0, buckets - 1);
  };
  const end = () => {
    if (!brush || !range) return;
    set({ range: range[1] - range[0] < 2 ? null : range });
    setBrush(null);
  };
  const key = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return; /* the browser's: Alt with an arrow goes back */
    if (event.key === "ArrowLeft" || event.key === "ArrowRight")
      set({ range: moved(view.range, event.key, event.shiftKey, buckets) });
    else if (event.key === "Escape" || event.key === "Home") set({ range: null });
    else return;
    event.preventDefault();
  };
  const at = (bucket: number) => time(((bucket / buckets) * recording.meta.duration_ns) / 1e3);
  return (
    <>
      <div class="strip" ref={box}>
        <canvas
          ref={canvas}
          tabIndex={0}
          role="application"
          aria-roledescription="time strip"
          aria-label="States over time. Arrow keys choose a stretch and move it, Shift with an arrow key changes its length, Escape shows everything. The same numbers are in the table below."
          aria-describedby="strip-now"
          onPointerDown={(event) => {
            if (event.button !== 0) return;
            event.currentTarget.setPointerCapture(event.pointerId);
            setBrush({ from: bucketAt(event), to: bucketAt(event) });
          }}
          onPointerMove={(event) => brush && setBrush({ from: brush.from, to: bucketAt(event) })}
          onPointerUp={end}
          onPointerCancel={() => setBrush(null)}
          onKeyDown={key}
        />
      </div>
      <div class="axis soft" aria-hidden="true">
        <span>0</span>
        <span>{at(buckets / 2)}</span>
        <span>{at(buckets)}</span>
      </div>
      <p class="key soft" id="strip-now" role="status">
        {range
          ? `${at(range[0])} to ${at(range[1])} chosen: every number is of that stretch, where it does not say "whole recording".${seriesWords(recording, range)}`
          : "Drag over a stretch to see only that."}{" "}
        {gapWords(recording)}
      </p>
      <details class="twin">
        <summary>The strip as a table</summary>
        <Twin recording={recording} series={series} />
      </details>
      <CoreUse recording={recording} />
    </>
  );
}
