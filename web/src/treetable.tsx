/* The flame graph's twin: the same tree as a table that a keyboard and a screen reader can walk. */
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { nameOf, placeOf, type Picture } from "./flame";
import { count, percent, shortFile, time } from "./format";

const CHILDREN = 40;

interface Row {
  position: number;
  level: number;
  children: boolean;
  /** Rows left out after this one: the smallest children of its parent. */
  more: number;
}

function rowsOf(picture: Picture, open: Set<number>): Row[] {
  const { layout, top } = picture;
  const rows: Row[] = [];
  const add = (position: number, level: number) => {
    const children = layout.end[position] > position + 1;
    rows.push({ position, level, children, more: 0 });
    if (!children || !open.has(layout.node[position]) || rows.length > 2000) return;
    let shown = 0;
    let more = 0;
    for (let child = position + 1; child < layout.end[position]; child = layout.end[child]) {
      if (shown++ < CHILDREN) add(child, level + 1);
      else more++;
    }
    if (more > 0) rows[rows.length - 1].more = more;
  };
  add(top, 1);
  return rows;
}

/** The heaviest path, open at first. */
function heavyPath(picture: Picture): Set<number> {
  const { layout, top } = picture;
  const open = new Set<number>();
  for (let at = top; at + 1 < layout.end[at] && open.size < 12; at++) {
    open.add(layout.node[at]);
    if (layout.width[at + 1] < 0.3 * layout.width[top]) break;
  }
  return open;
}

export function TreeTable({ picture, onZoom }: { picture: Picture; onZoom: (position: number) => void }) {
  const { recording, tree, sums, layout, top } = picture;
  const [open, setOpen] = useState(() => heavyPath(picture));
  const [current, setCurrent] = useState(0);
  const body = useRef<HTMLTableSectionElement>(null);
  const moved = useRef(false);
  useLayoutEffect(() => {
    setOpen(heavyPath(picture));
    setCurrent(0);
  }, [layout, top]);
  const rows = useMemo(() => rowsOf(picture, open), [layout, top, open]);
  useLayoutEffect(() => {
    if (moved.current) (body.current?.children[current] as HTMLElement | undefined)?.focus();
    moved.current = false;
  }, [current, rows]);

  const toggle = (row: Row, to: boolean) => {
    const next = new Set(open);
    if (to) next.add(layout.node[row.position]);
    else next.delete(layout.node[row.position]);
    setOpen(next);
  };
  const go = (index: number) => {
    moved.current = true;
    setCurrent(Math.max(0, Math.min(rows.length - 1, index)));
  };
  const key = (event: KeyboardEvent) => {
    const row = rows[current];
    const isOpen = row.children && open.has(layout.node[row.position]);
    if (event.key === "ArrowDown") go(current + 1);
    else if (event.key === "ArrowUp") go(current - 1);
    else if (event.key === "Home") go(0);
    else if (event.key === "End") go(rows.length - 1);
    else if (event.key === "ArrowRight" && isOpen) go(current + 1);
    else if (event.key === "ArrowRight" && row.children) toggle(row, true);
    else if (event.key === "ArrowLeft" && isOpen) toggle(row, false);
    else if (event.key === "ArrowLeft") {
      let above = current;
      while (above > 0 && rows[above].level >= row.level) above--;
      go(above);
    } else if (event.key === "Enter") onZoom(row.position);
    else return;
    event.preventDefault();
  };
  const all = sums.total[0];
  return (
    <div class="scroll">
      <table role="treegrid" aria-label="Call tree" class="tree">
        <thead>
          <tr>
            <th scope="col">function</th>
            <th scope="col">file:line</th>
            <th scope="col" class="number">
              total
            </th>
            <th scope="col" class="number">
              time
            </th>
            <th scope="col" class="number">
              itself
            </th>
            <th scope="col" class="number">
              samples
            </th>
          </tr>
        </thead>
        <tbody ref={body} onKeyDown={key}>
          {rows.map((row, index) => {
            const node = layout.node[row.position];
            const isOpen = open.has(node);
            return (
              <tr
                key={node}
                role="row"
                aria-level={row.level}
                aria-expanded={row.children ? isOpen : undefined}
                tabIndex={index === current ? 0 : -1}
                data-node={node}
                onFocus={() => setCurrent(index)}
                onDblClick={() => onZoom(row.position)}
              >
                <td
                  role="gridcell"
                  class="mono"
                  ref={(cell) => cell?.style.setProperty("--level", String(row.level - 1))}
                  onClick={() => row.children && toggle(row, !isOpen)}
                >
                  <span class="twist" aria-hidden="true">
                    {row.children ? (isOpen ? "▾" : "▸") : ""}
                  </span>
                  {nameOf(recording, tree, node)}
                  {row.more > 0 && <span class="soft"> and {count(row.more)} smaller beside it</span>}
                </td>
                <td role="gridcell" class="mono soft">
                  {shortFile(placeOf(recording, tree, node))}
                </td>
                <td role="gridcell" class="number">
                  {percent(sums.total[node] / all)}
                </td>
                <td role="gridcell" class="number">
                  {time(sums.total[node])}
                </td>
                <td role="gridcell" class="number">
                  {percent(sums.self[node] / all)}
                </td>
                <td role="gridcell" class="number">
                  {count(sums.ticks[node])}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
