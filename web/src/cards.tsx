/* What to do: at most three findings, each with its evidence, what it can gain and what was not measured. */
import { useMemo, useRef, useState } from "preact/hooks";
import type { Finding, Meta, Recording } from "./data";
import { measure, percent, shortFile, visible } from "./format";
import { adviceName, gain } from "./header";
import { shareOfPlace } from "./sums";
import { Sentence } from "./text";
import { initialView, isFiltered, type View } from "./view";

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

/** A finding is of the whole recording; under filters its card says how much of what is left is its place's. */
function Here({ recording, view, finding }: { recording: Recording; view: View; finding: Finding }) {
  const { file, line, function: name } = finding;
  const shares = useMemo(() => {
    if (!isFiltered(view) || file === "" || (line === 0 && name === undefined)) return null;
    const of = (one: View) => shareOfPlace(recording, one, file, line, name);
    return { here: of(view), whole: of({ ...initialView(recording.meta), clock: view.clock }) };
  }, [recording, finding, view.clock, view.process, view.thread, view.states, view.range, view.idle]);
  if (!isFiltered(view)) return null;
  return (
    <p class="here">
      {shares ? (
        <>
          <strong>{percent(shares.here)}</strong> of the {view.clock === "cpu" ? "CPU time" : "time"} chosen has this{" "}
          {line > 0 ? "line" : "function"} on its stack, {percent(shares.whole)} of the whole recording.{" "}
        </>
      ) : null}
      <span class="soft">All else on this card is of the whole recording.</span>
    </p>
  );
}

interface CardProps {
  finding: Finding;
  rank: number;
  recording: Recording;
  view: View;
}

function Card({ finding, rank, recording, view }: CardProps) {
  const place = finding.file === "" ? "" : `${shortFile(finding.file)}${finding.line > 0 ? `:${finding.line}` : ""}`;
  return (
    <article class="card" aria-labelledby={`finding-${rank}`}>
      <header>
        <span class="rank" aria-hidden="true">
          {rank}
        </span>
        <span class="kind">{adviceName(finding.prescription)}</span>
        <span class="mono soft">{visible(finding.tag)}</span>
      </header>
      <h3 id={`finding-${rank}`}>
        <Sentence text={finding.sentence} />
      </h3>
      {place !== "" && (
        <p class="mono place" title={visible(finding.file)}>
          {finding.function ? `${visible(finding.function)}  ` : ""}
          {visible(place)}
        </p>
      )}
      <Here recording={recording} view={view} finding={finding} />
      <div class="body">
        {finding.evidence.length > 0 && (
          <ul class="evidence">
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
        )}
        <div class="act">
          {finding.action !== "" && (
            <p class="do">
              <strong>Do this</strong> <Sentence text={finding.action} />
            </p>
          )}
          <footer>
            {finding.max_gain > 1 && (
              <p class="gain">
                <span class="soft">at most</span> <strong>{gain(finding.max_gain)}</strong>{" "}
                <span class="soft">{finding.gain_law === "memory" ? "less peak memory" : "faster"}
                {finding.scaled_gain > 1 ? ", the same work" : ""}
                {finding.gain_law === "" || finding.gain_law === "memory" ? "" : ` (${visible(finding.gain_law)})`}</span>
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

export function Cards({ recording, view }: { recording: Recording; view: View }) {
  const { meta } = recording;
  const findings = meta.diagnosis?.findings ?? [];
  const shown = findings.slice(0, 3);
  if (shown.length === 0) return null;
  return (
    <section aria-labelledby="advice">
      <h2 id="advice">What to do</h2>
      <div class="cards">
        {shown.map((finding, i) => (
          <Card
            key={`${finding.tag}${finding.file}${finding.line}`}
            finding={finding}
            rank={i + 1}
            recording={recording}
            view={view}
          />
        ))}
      </div>
      {findings.length > shown.length && (
        <p class="soft">{findings.length - shown.length} more in keisoku report --json.</p>
      )}
      <Aside meta={meta} />
    </section>
  );
}
