/*
 * How a state looks: a hue, a pattern and its letter, so that none of the three is needed alone. One table for the
 * style sheet's world (CSS backgrounds) and the canvas.
 */

export type Pattern = "plain" | "rise" | "fall" | "across" | "down" | "dots" | "grid" | "check" | "dense" | "sparse";

export interface Look {
  fill: string;
  pattern: Pattern;
}

const LOOKS: Record<string, Look> = {
  python: { fill: "#f0b64f", pattern: "plain" },
  "native+gil": { fill: "#e98f58", pattern: "rise" },
  native: { fill: "#d98d83", pattern: "fall" },
  "on-cpu": { fill: "#e8bf86", pattern: "grid" },
  kernel: { fill: "#b79ae0", pattern: "down" },
  gc: { fill: "#dd93c0", pattern: "dots" },
  import: { fill: "#a9bd62", pattern: "across" },
  instrument: { fill: "#b8b3a8", pattern: "grid" },
  "gil-wait": { fill: "#f0787c", pattern: "dense" },
  lock: { fill: "#d58aa6", pattern: "check" },
  io: { fill: "#6fb3ea", pattern: "across" },
  sleep: { fill: "#93c4cf", pattern: "sparse" },
  runnable: { fill: "#74c69a", pattern: "down" },
  idle: { fill: "#d3d6db", pattern: "plain" },
  unknown: { fill: "#aeb3bb", pattern: "fall" },
};

const UNKNOWN: Look = { fill: "#aeb3bb", pattern: "fall" };

export function look(name: string): Look {
  return LOOKS[name] ?? UNKNOWN;
}

/** Dark enough on every fill for text (at least 4.5:1). */
export const INK = "#16181d";
const STROKE = "rgba(20,22,28,.22)";

const CSS: Record<Pattern, string> = {
  plain: "none",
  rise: `repeating-linear-gradient(135deg, ${STROKE} 0 1.4px, transparent 1.4px 7px)`,
  fall: `repeating-linear-gradient(45deg, ${STROKE} 0 1.4px, transparent 1.4px 7px)`,
  across: `repeating-linear-gradient(0deg, ${STROKE} 0 1.2px, transparent 1.2px 5px)`,
  down: `repeating-linear-gradient(90deg, ${STROKE} 0 1.2px, transparent 1.2px 5px)`,
  dots: `radial-gradient(circle at 2px 2px, rgba(20,22,28,.3) 1.1px, transparent 1.4px) 0 0 / 6px 6px`,
  grid: `repeating-linear-gradient(0deg, ${STROKE} 0 1px, transparent 1px 7px), repeating-linear-gradient(90deg, ${STROKE} 0 1px, transparent 1px 7px)`,
  check: `repeating-linear-gradient(45deg, ${STROKE} 0 1.2px, transparent 1.2px 6px), repeating-linear-gradient(135deg, ${STROKE} 0 1.2px, transparent 1.2px 6px)`,
  dense: `repeating-linear-gradient(135deg, ${STROKE} 0 1.6px, transparent 1.6px 4px)`,
  sparse: `radial-gradient(circle at 3px 3px, rgba(20,22,28,.28) 1.1px, transparent 1.4px) 0 0 / 9px 9px`,
};

/** The `background` of an element that stands for a state. */
export function background(name: string): string {
  const { fill, pattern } = look(name);
  return pattern === "plain" ? fill : `${CSS[pattern]}, ${fill}`;
}

function strokes(context: CanvasRenderingContext2D, pattern: Pattern, size: number) {
  const line = (x0: number, y0: number, x1: number, y1: number) => {
    context.beginPath();
    context.moveTo(x0, y0);
    context.lineTo(x1, y1);
    context.stroke();
  };
  const dot = () => {
    context.beginPath();
    context.arc(size / 2, size / 2, 1.1, 0, 7);
    context.fill();
  };
  const rise = () => [-size, 0, size].forEach((x) => line(x, size, x + size, 0));
  const fall = () => [-size, 0, size].forEach((x) => line(x, 0, x + size, size));
  const across = () => line(0, size / 2, size, size / 2);
  const down = () => line(size / 2, 0, size / 2, size);
  const draw: Record<Pattern, () => void> = {
    plain: () => undefined,
    rise,
    fall,
    across,
    down,
    dots: dot,
    sparse: dot,
    grid: () => (across(), down()),
    check: () => (rise(), fall()),
    dense: rise,
  };
  draw[pattern]();
}

/** A canvas fill for a state; made once for a context and scale. */
export function canvasFill(context: CanvasRenderingContext2D, name: string, scale: number): CanvasPattern | string {
  const { fill, pattern } = look(name);
  if (pattern === "plain") return fill;
  const size = pattern === "dense" ? 4 : pattern === "sparse" ? 9 : pattern === "across" || pattern === "down" ? 5 : 7;
  const tile = document.createElement("canvas");
  tile.width = tile.height = Math.max(1, Math.round(size * scale));
  const inner = tile.getContext("2d");
  if (!inner) return fill;
  inner.fillStyle = fill;
  inner.fillRect(0, 0, tile.width, tile.height);
  inner.scale(tile.width / size, tile.height / size);
  inner.strokeStyle = inner.fillStyle = STROKE;
  inner.lineWidth = 1.2;
  strokes(inner, pattern, size);
  return context.createPattern(tile, "repeat") ?? fill;
}
