/* Sentences of the diagnosis: what stands between backticks is code. */
import type { ComponentChildren } from "preact";
import { visible, withUnits } from "./format";

export function Sentence({ text }: { text: string }): ComponentChildren {
  const parts = visible(text).split("`");
  if (parts.length % 2 === 0) return <>{withUnits(visible(text))}</>; // an odd backtick is only a character
  return <>{parts.map((part, i) => (i % 2 === 1 ? <code key={i}>{part}</code> : withUnits(part)))}</>;
}
