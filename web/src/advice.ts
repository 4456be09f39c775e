/*
 * Which findings tell of what the filters leave, and in which order: the one answer that verdict and cards show.
 * A finding is of the whole recording; of a stretch only its place can be told: how much of the stretch has it on its
 * stacks, and by that what it gains there at the most. The rest comes from more than samples, and stays what it is.
 */
import { useMemo } from "preact/hooks";
import type { Finding, Recording } from "./data";
import { sumPlaces, type Place, type PlaceSum } from "./sums";
import { initialView, isFiltered, type View } from "./view";

/** So many cards at the most. */
export const SHOWN = 3;

/** Less of what is chosen than this, with all its interval, is hardly there; unless it is little of everything. */
const HARDLY = 0.01;

export interface Advice {
  finding: Finding;
  /** Of the whole recording, from 1. */
  rank: number;
  /** Its place in what is chosen, and in the whole recording; null: nothing is left out, or it has no place. */
  here: PlaceSum | null;
  whole: PlaceSum | null;
}

/** Every finding, under filters by its standing there. */
export interface Advised {
  filtered: boolean;
  /** Those whose place is there, the largest share first; without a filter all of them, as the diagnosis ranks them. */
  here: Advice[];
  /** Those about no one place, of which nothing is told. */
  anywhere: Advice[];
  /** Those whose place is not there, or hardly. */
  away: Advice[];
}

function placeOf({ file, line, line_first, line_last, function: name }: Finding): Place | null {
  if (file === "" || (line === 0 && name === undefined)) return null;
  return { file, first: line_first ?? line, last: line_last ?? line, name };
}

export function isAway(here: PlaceSum, whole: PlaceSum): boolean {
  return here.share === 0 || (here.share + here.half < HARDLY && here.share < whole.share / 2);
}

/**
 * How many times faster what is chosen gets at most, by Amdahl: as much of the time at its place goes there as in the
 * whole recording. 0: that cannot be told, of another clock or of memory.
 */
export function gainHere({ finding, here, whole }: Advice, view: View): number {
  if (!here || !whole || whole.share === 0 || view.clock === "cpu") return 0;
  if (finding.gain_law !== "Amdahl" || finding.max_gain <= 1) return 0;
  const goes = ((1 - 1 / finding.max_gain) * here.share) / whole.share;
  return 1 / (1 - Math.min(goes, 0.999));
}

export function useAdvice(recording: Recording, view: View): Advised {
  const { meta } = recording;
  const findings = meta.diagnosis?.findings ?? [];
  const places = useMemo(() => findings.map(placeOf), [recording]);
  const filtered = isFiltered(view) && findings.length > 0;
  const sums = (of: View): (PlaceSum | null)[] => {
    const known = places.filter((place): place is Place => place !== null);
    const told = known.length > 0 && filtered ? sumPlaces(recording, of, known) : [];
    let next = 0;
    return places.map((place) => (place && filtered ? told[next++] : null));
  };
  const whole = useMemo(
    () => sums({ ...initialView(meta), clock: view.clock }),
    [recording, filtered, view.clock],
  );
  const here = useMemo(
    () => sums(view),
    [recording, filtered, view.clock, view.process, view.thread, view.states, view.range, view.idle],
  );
  return useMemo(() => {
    const all = findings.map((finding, i) => ({ finding, rank: i + 1, here: here[i], whole: whole[i] }));
    if (!filtered) return { filtered, here: all, anywhere: [], away: [] };
    const share = (advice: Advice) => advice.here?.share ?? 0;
    const away = ({ here, whole }: Advice) => here !== null && whole !== null && isAway(here, whole);
    return {
      filtered,
      here: all.filter((one) => one.here && !away(one)).sort((a, b) => share(b) - share(a)),
      anywhere: all.filter((one) => !one.here),
      away: all.filter(away),
    };
  }, [recording, filtered, here, whole]);
}
