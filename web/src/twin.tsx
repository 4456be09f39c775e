/* The table twin of a drawing: the same as figures, for screen readers and whoever wants them. */
import type { ComponentChildren } from "preact";

type Column = string | { number: string };

interface Props {
  id: string;
  label: string;
  columns: Column[];
  children: ComponentChildren;
}

export const numbers = (...names: string[]): Column[] => names.map((number) => ({ number }));

/* `children` are the rows of its body. */
export function TwinTable({ id, label, columns, children }: Props) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={label}>
      <table id={id}>
        <thead>
          <tr>
            {columns.map((column) =>
              typeof column === "string" ? (
                <th scope="col" key={column}>
                  {column}
                </th>
              ) : (
                <th scope="col" class="number" key={column.number}>
                  {column.number}
                </th>
              ),
            )}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}
