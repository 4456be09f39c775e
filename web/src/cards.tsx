/*
 * What to do: at most three findings, each with its evidence, what it can gain and what was not measured. Under filters
 * they are those of what is chosen, by their share of it; the others stand behind.
 */
import { useRef, useState } from "preact/hooks";
import { gainHere, isAway, SHOWN, type Advice, type Advised } from "./advice";
import type { Finding, Meta, Recording } from "./data";
import { count, measure, percent, plusMinus, shortFile, visible } from "./format";
import { adviceName, gain } from "./header";
import { StateMix } from "./statebar";
import type { PlaceSum } from "./sums";
import { Sentence } from "./text";
import { chosenWords, type View } from "./view";

/** A bench is of the script and a copy of it that the reader has still to make. */
function checkWords(command: string): string {
  return command.startsWith("keisoku bench ") ? "check your changed copy (…_fixed.py) with" : "check it with";
}

/** A command with a button that copies it; where a page may not, the command is selected. */
function Command({ text }: { text: string }) {
  const code = useRef<HTMLElement>(null);
  const [said, setSaid] = useState("");
  const select = () => {
    if (code.current) getSelection()?.selectAllChildren(code.current);
    setSaid("selected");
  };
  const copy = () => {
    if (!navigator.clipboard) select();
    else navigator.clipboard.writeText(text).then(() => setSaid("copied"), select);
  };
  return (
    <>
      <code ref={code}>{visible(text)}</code>{" "}
      <button type="button" class="link copy" onClick={copy}>
        copy
      </button>{" "}
      <span class="soft" role="status">
        {said}
      </span>
    </>
  );
}

interface HereProps {
  advice: Advice;
  recording: Recording;
  view: View;
  id: string;
}

/** "75 % ±1 of the time of this stretch has this line on its stack (3 750 samples), 37 % of the whole recording." */
function Told({ here, whole, view, finding }: { here: PlaceSum; whole: PlaceSum; view: View; finding: Finding }) {
  const chosen = chosenWords(view);
  const clock = view.clock === "cpu" ? "CPU time" : "time";
  const of = finding.line_last ? "one of these lines" : finding.line > 0 ? "this line" : "this function";
  const inWhole = `${percent(whole.share)} of the whole recording.`;
  if (here.total === 0)
    return (
      <>
        <strong>Not of {chosen}</strong>: no {clock} was measured there; {inWhole}
      </>
    );
  if (here.share === 0)
    return (
      <>
        <strong>Not of {chosen}</strong>: none of its {count(here.ofTicks)} samples has {of} on its stack (so{" "}
        {here.unseen < 0.001 ? "" : "at most "}
        {percent(here.unseen)} of its {clock}); {inWhole}
      </>
    );
  return (
    <>
      {isAway(here, whole) && `Hardly of ${chosen}: `}
      <strong>{percent(here.share)}</strong> {plusMinus(here.half)} of the {clock} of {chosen} has {of} on its stack (
      {count(here.ticks)} of {count(here.ofTicks)} samples), {inWhole}
    </>
  );
}

/** What can be told of a finding from the samples under the filters, and that the rest cannot. */
function Here({ advice, recording, view, id }: HereProps) {
  const { finding, here, whole } = advice;
  if (!here || !whole)
    return (
      <p class="here soft" id={id}>
        About no one place, so nothing is told of {chosenWords(view)}: this card is of the whole recording.
      </p>
    );
  return (
    <div class="here" id={id}>
      <p>
        <Told here={here} whole={whole} view={view} finding={finding} />
      </p>
      {here.share > 0 && <StateMix states={recording.meta.states} weights={here.states} words />}
    </div>
  );
}

/** What it gains there, and that the rest is not of it. */
function Chosen({ advice, view }: { advice: Advice; view: View }) {
  const most = gainHere(advice, view);
  return (
    <>
      {most > 0 && (
        <p class="most">
          <span class="soft">{chosenWords(view)} gets at most</span> <strong>{gain(most)}</strong>{" "}
          <span class="soft">faster (Amdahl, by that share)</span>
        </p>
      )}
      <p class="soft whole">
        Below is of the whole recording
        {most > 0 ? "." : `: what a change gains cannot be told of ${chosenWords(view)}.`}
      </p>
    </>
  );
}

function Evidence({ finding, filtered }: { finding: Finding; filtered: boolean }) {
  if (finding.evidence.length === 0) return null;
  return (
    <ul class="evidence" aria-label={filtered ? "Evidence, of the whole recording" : "Evidence"}>
      {finding.evidence.map((evidence) => (
        <li key={evidence.measure}>
          <span class="value">
            {evidence.value === null ? "?" : measure(evidence.value, evidence.unit, evidence.measure)}
          </span>{" "}
          {visible(evidence.measure)}
          {evidence.low != null && evidence.high != null && (
            <span class="soft">
              {" "}
              ({measure(evidence.low, evidence.unit)} to {measure(evidence.high, evidence.unit)})
            </span>
          )}
        </li>
      ))}
    </ul>
  );
}

function Gain({ finding }: { finding: Finding }) {
  const memory = finding.gain_law === "memory";
  return (
    <>
      {finding.max_gain > 1 && (
        <p class="gain">
          <span class="soft">at most</span> <strong>{gain(finding.max_gain)}</strong>{" "}
          <span class="soft">
            {memory ? "less peak memory" : "faster"}
            {finding.scaled_gain > 1 ? ", the same work" : ""}
            {finding.gain_law === "" || memory ? "" : ` (${visible(finding.gain_law)})`}
          </span>
        </p>
      )}
      {finding.predicted_high > 1 && (
        <p class="soft">
          expected {finding.predicted_low.toFixed(1)} to {finding.predicted_high.toFixed(1)}
          {"\u202f"}×
        </p>
      )}
      {finding.scaled_gain > 1 && (
        <p class="soft">
          or {finding.scaled_gain.toFixed(1)}
          {"\u202f"}× the work in the same time, where work grows with the cores (Gustafson)
        </p>
      )}
    </>
  );
}

function Body({ finding, filtered }: { finding: Finding; filtered: boolean }) {
  return (
    <div class="body">
      <Evidence finding={finding} filtered={filtered} />
      <div class="act">
        {finding.action !== "" && (
          <p class="do">
            <strong>Do this</strong> <Sentence text={finding.action} />
          </p>
        )}
        <footer>
          <Gain finding={finding} />
          {finding.check_command !== "" && (
            <p class="check">
              <span class="soft">{checkWords(finding.check_command)}</span> <Command text={finding.check_command} />
            </p>
          )}
          {finding.next_command && (
            <p class="check">
              <span class="soft">to measure {visible(finding.next_tells ?? "")}</span>{" "}
              <Command text={finding.next_command} />
            </p>
          )}
          {finding.not_measured.length > 0 && (
            <p class="soft">not measured: {finding.not_measured.map(visible).join("; ")}</p>
          )}
        </footer>
      </div>
    </div>
  );
}

function placeName({ file, line, line_first, line_last }: Finding): string {
  if (file === "") return "";
  const lines = line_last ? ` (${line_first}-${line_last})` : "";
  return `${shortFile(file)}${line > 0 ? `:${line}${lines}` : ""}`;
}

interface CardProps {
  advice: Advice;
  /** Where it stands on the page; "": behind. */
  rank: string;
  recording: Recording;
  view: View;
  filtered: boolean;
}

function Card({ advice, rank, recording, view, filtered }: CardProps) {
  const { finding } = advice;
  const place = placeName(finding);
  const away = rank === "";
  const [title, told] = [`finding-${advice.rank}`, `finding-${advice.rank}-here`];
  return (
    <article class={away ? "card away" : "card"} aria-labelledby={title} aria-describedby={filtered ? told : undefined}>
      <header>
        <span class="rank" aria-hidden="true">
          {away ? "–" : rank}
        </span>
        <span class="kind">{adviceName(finding.prescription)}</span>
        <span class="mono soft">{visible(finding.tag)}</span>
      </header>
      <h3 id={title}>
        <Sentence text={finding.sentence} />
      </h3>
      {place !== "" && (
        <p class="mono place" title={visible(finding.file)}>
          {finding.function ? `${visible(finding.function)}  ` : ""}
          {visible(place)}
        </p>
      )}
      {filtered && <Here advice={advice} recording={recording} view={view} id={told} />}
      {away ? (
        <details class="twin">
          <summary>What it says of the whole recording</summary>
          <Body finding={finding} filtered={filtered} />
        </details>
      ) : (
        <>
          {filtered && advice.here && <Chosen advice={advice} view={view} />}
          <Body finding={finding} filtered={filtered} />
        </>
      )}
    </article>
  );
}

/** Threads that nobody was seen to wait for: the advice leaves them out, and says so. */
function Aside({ meta }: { meta: Meta }) {
  const busy = meta.threads.filter((thread) => thread?.aside && thread.run_ns > 0.05 * meta.duration_ns);
  if (busy.length === 0) return null;
  const named = busy.slice(0, 3).map((thread) => {
    const name = visible(thread?.name || `thread ${thread?.tid}`);
    return `${name} (${percent((thread?.run_ns ?? 0) / meta.duration_ns)} of a core)`;
  });
  return (
    <p class="soft" id="aside">
      Nobody was seen to wait for {named.join(", ")}
      {busy.length > named.length ? ` and ${busy.length - named.length} more` : ""}: no advice is about it.
    </p>
  );
}

/** "Of 4 findings 2 are of this stretch, by their share of its time; 1 is not; 1 is about no one place." */
function standing(advised: Advised, view: View): string {
  if (!advised.filtered) return "";
  const { here, anywhere, away } = advised;
  const are = (n: number) => (n === 1 ? "1 is" : `${n} are`);
  const all = here.length + anywhere.length + away.length;
  const parts = [`${here.length === 0 ? "none is" : are(here.length)} of ${chosenWords(view)}`];
  if (here.length > 1) parts[0] += `, by their share of its ${view.clock === "cpu" ? "CPU time" : "time"}`;
  if (away.length > 0) parts.push(`${are(away.length)} not`);
  if (anywhere.length > 0) parts.push(`${are(anywhere.length)} about no one place`);
  return `Of ${all} ${all === 1 ? "finding" : "findings"} ${parts.join("; ")}.`;
}

interface CardsProps {
  recording: Recording;
  view: View;
  advised: Advised;
}

export function Cards({ recording, view, advised }: CardsProps) {
  const { filtered } = advised;
  const front = [...advised.here, ...advised.anywhere].slice(0, SHOWN);
  /* of those that are not there, the ones that stand here without filters */
  const behind = advised.away.filter((advice) => advice.rank <= SHOWN);
  const more = advised.here.length + advised.anywhere.length + advised.away.length - front.length - behind.length;
  if (front.length + behind.length === 0) return null;
  const card = (advice: Advice, rank: string) => (
    <Card key={advice.rank} advice={advice} rank={rank} recording={recording} view={view} filtered={filtered} />
  );
  return (
    <section aria-labelledby="advice">
      <h2 id="advice">What to do</h2>
      <p class="soft standing" id="advice-now" role="status">
        {standing(advised, view)}
      </p>
      {front.length > 0 && <div class="cards">{front.map((advice, i) => card(advice, String(i + 1)))}</div>}
      {behind.length > 0 && (
        <div class="cards behind" role="group" aria-label={`Not, or hardly, of ${chosenWords(view)}`}>
          {behind.map((advice) => card(advice, ""))}
        </div>
      )}
      {more > 0 && <p class="soft">{more} more in keisoku report --json.</p>}
      <Aside meta={recording.meta} />
    </section>
  );
}
