/* The top of the page: what was measured, whether to trust it, and the one sentence. */
import { useMemo } from "preact/hooks";
import type { Advised } from "./advice";
import type { Meta, Recording, Thread, Trust } from "./data";
import { baseName, bytes, count, measure, percent, rate, time, visible } from "./format";
import { sumLines, sumStates } from "./sums";
import { Sentence } from "./text";
import { chosenWords, initialView, isFiltered, type SetView, type View } from "./view";

function plural(n: number, word: string, words = `${word}s`): string {
  return `${count(n)}\u202f${n === 1 ? word : words}`;
}

/** The program's name: its script, module or executable. */
export function programName(meta: Meta): string {
  const args = meta.command.length > 0 ? meta.command : (meta.processes[1]?.command ?? "").split("\0");
  const script = args.find((arg, i) => i > 0 && !arg.startsWith("-") && args[i - 1] !== "-c" && args[i - 1] !== "-X");
  const isPython = /(^|\/)python[\d.]*t?$/.test(args[0] ?? "");
  return visible(baseName((isPython ? script : args[0]) ?? "") || meta.file || "recording");
}

export function Masthead({ recording, view, set }: { recording: Recording; view: View; set: SetView }) {
  const { meta } = recording;
  const processes = meta.processes.filter((process) => process !== null);
  const threads = meta.threads.filter((thread) => thread !== null);
  const measured = processes.filter((process) => process.python !== "").length;
  const others = processes.length - measured;
  const pythons = [...new Set(processes.map((process) => process.python).filter((version) => version !== ""))];
  const cpu = sumStates(recording, { ...initialView(meta), idle: true }, false).cpu;
  const facts = [
    ...pythons.slice(0, 3).map((version) => `Python ${visible(version)}`),
    `${time(meta.duration_ns / 1e3)} wall`,
    `${time(cpu)} CPU`,
    plural(measured, "process", "processes") + (others > 0 ? ` and ${count(others)} without Python` : ""),
    plural(threads.length, "thread"),
    ...(meta.started_ms > 0 ? [new Date(meta.started_ms).toISOString().slice(0, 16).replace("T", " ") + " UTC"] : []),
  ];
  const themes = { auto: "light", light: "dark", dark: "auto" } as const;
  return (
    <header class="masthead">
      <div>
        <p class="program">{programName(meta)}</p>
        <p class="soft facts">
          {facts.map((fact) => (
            <span key={fact}>{fact}</span>
          ))}
        </p>
      </div>
      <span class="grow" />
      <button
        type="button"
        class="theme"
        id="theme"
        aria-label={`Theme: ${view.theme}. Change to ${themes[view.theme]}`}
        onClick={() => set({ theme: themes[view.theme] })}
      >
        <span aria-hidden="true">{{ auto: "◐", light: "○", dark: "●" }[view.theme]}</span> {view.theme}
      </button>
    </header>
  );
}

const PROOFS: Record<string, string> = {
  asleep: "read while the thread slept: exact",
  core: "read from its own core, never stopped: exact",
  kernel: "taken by the kernel: exact",
  stop: "read while stopped on request: exact",
  free: "read while it may have run: not proved",
  none: "without a stack",
};

const HOW: [reader: string, words: string][] = [
  ["kernel", "by the kernel"],
  ["stop", "stopped"],
  ["core", "read from its own core"],
  ["asleep", "asleep"],
];

/** "12 exact (8 by the kernel, 4 asleep), 1 without a stack": as the terminal's trust line. */
function exactness(trust: Trust): string {
  const of = (name: string) => trust.readers[name] ?? 0;
  const exact = trust.samples - of("none") - of("free");
  const seen = HOW.filter(([name]) => of(name) > 0);
  const how = seen.map(([name, words]) => (of(name) === exact ? words : `${count(of(name))} ${words}`)).join(", ");
  return [
    `${exact === trust.samples ? "all" : count(exact)} exact${how && ` (${how})`}`,
    ...(of("free") > 0 ? [`${count(of("free"))} not proved (read free)`] : []),
    ...(of("none") > 0 ? [`${count(of("none"))} without a stack`] : []),
  ].join(", ");
}

function lost(meta: Meta): number {
  return meta.diagnosis?.lost ?? meta.trust.losses.reduce((sum, loss) => sum + loss.count, 0);
}

/** Why the answer is weak; "" when it is not. */
function weakness(meta: Meta): string {
  const { trust } = meta;
  const dropped = lost(meta) / Math.max(1, lost(meta) + trust.samples);
  if (trust.samples === 0) return "nothing was sampled";
  if (trust.samples < 100) return `only ${plural(trust.samples, "sample")}: run longer`;
  if (!meta.complete) return "the recorder was killed: everything up to its last second is here";
  const unfollowed = meta.diagnosis?.unfollowed ?? 0;
  if (unfollowed >= 0.05) return `${percent(unfollowed)} of its CPU time in threads that ended before they could be followed`;
  if (dropped > 0.05) return `${percent(dropped)} lost`;
  return "";
}

function busyNs(threads: (Thread | null)[]): number {
  return threads.reduce((sum, thread) => sum + (thread?.run_ns ?? 0), 0);
}

export function TrustLine({ meta }: { meta: Meta }) {
  const { trust } = meta;
  const weak = weakness(meta);
  const busy = busyNs(meta.threads) || meta.duration_ns;
  const taken = meta.diagnosis?.core_taken ?? trust.core_taken_ns / Math.max(1, busy);
  const facts = [
    `${plural(trust.samples, "sample")}, ${exactness(trust)}`,
    `${count(lost(meta))} lost`,
    ...(trust.sweeps > 0 ? [`we took ${percent(taken)} of its time`] : []),
    ...(trust.rate_hz > 0 ? [`${rate(trust.rate_hz)} of ${rate(trust.rate_asked_hz)}`] : []),
    ...(meta.evidence !== "" ? [`evidence: ${visible(meta.evidence).replaceAll(",", ", ")}`] : []),
  ];
  return (
    <details class={weak ? "trust weak" : "trust"}>
      <summary>
        <span class="mark" aria-hidden="true">
          {weak ? "!" : "✓"}
        </span>
        <span>
          {weak && <strong>{weak} · </strong>}
          {facts.join(" · ")}
        </span>
      </summary>
      <TrustDetails meta={meta} />
    </details>
  );
}

function TrustDetails({ meta }: { meta: Meta }) {
  const { trust } = meta;
  const readers = Object.entries(trust.readers).filter(([, n]) => n > 0);
  const losses = trust.losses.filter((loss) => loss.count > 0);
  return (
    <div class="trust-more">
      <dl>
        {readers.map(([name, n]) => (
          <div key={name}>
            <dt>{plural(n, "sample")}</dt>
            <dd>{PROOFS[name] ?? name}</dd>
          </div>
        ))}
        {losses.map((loss) => (
          <div key={loss.name}>
            <dt>{count(loss.count)} lost</dt>
            <dd>{loss.line}</dd>
          </div>
        ))}
        <div>
          <dt>{count(trust.late)} late</dt>
          <dd>
            sweeps more than 1{"\u202f"}ms after their time, of {count(trust.sweeps)} ({count(trust.sweeps_planned)} planned)
          </dd>
        </div>
        <div>
          <dt>{percent(trust.rereads / Math.max(1, trust.reads))} reread</dt>
          <dd>stacks read again because the first read could not be proved</dd>
        </div>
        <div>
          <dt>{time(trust.own_cpu_ns / 1e3)}</dt>
          <dd>CPU time of keisoku itself, {bytes(trust.own_rss_bytes)} of memory</dd>
        </div>
        {trust.stops > 0 && (
          <div>
            <dt>{count(trust.stops)} stops</dt>
            <dd>threads stopped to be read, as asked for</dd>
          </div>
        )}
        {trust.native_whole + trust.native_cut > 0 && (
          <div>
            <dt>{percent(trust.native_whole / (trust.native_whole + trust.native_cut))} native</dt>
            <dd>of the samples on the CPU have their native frames; {count(trust.native_cut)} could not be unwound</dd>
          </div>
        )}
        {meta.folded_ns > 0 && (
          <div>
            <dt>{time(meta.folded_ns / 1e3)}</dt>
            <dd>shown at a caller: its own place is too small to keep in this page</dd>
          </div>
        )}
      </dl>
      {meta.notes.length > 0 && (
        <ul>
          {meta.notes.map((note) => (
            <li key={note}>{visible(note)}</li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** What the numbers alone say of what a view shows; "": nothing. */
function heaviestLine(recording: Recording, view: View): string {
  const { lines, total } = sumLines(recording, view);
  if (lines.length === 0 || !(total > 0)) return "";
  const heaviest = lines.reduce((best, line) => (line.weight > best.weight ? line : best));
  const place = `${baseName(heaviest.file)}:${heaviest.line}`;
  return `${percent(heaviest.weight / total)} of the time is on one line: ${place}`;
}

/** The sentence of the first finding or, without a diagnosis, what the numbers alone say. */
function verdictOf(recording: Recording): string {
  const { meta } = recording;
  const finding = meta.diagnosis?.findings[0];
  if (finding && finding.sentence !== "") return finding.sentence;
  return heaviestLine(recording, initialView(meta)) || "Nothing was measured";
}

/** "3.4 ×" */
export function gain(times: number): string {
  return `${times.toFixed(times < 10 ? 1 : 0)}\u202f×`;
}

const ADVICE: Record<string, string> = {
  native: "native code",
  parallel: "parallel",
  algorithm: "a better algorithm",
  "already-native": "already native",
  stop: "stop here",
  insufficient: "insufficient data",
};

export function adviceName(prescription: string): string {
  return ADVICE[prescription] ?? prescription;
}

/** Under filters: that the sentence above is of everything, and what comes first of what is chosen. */
function VerdictHere({ recording, view, advised }: VerdictProps) {
  const alone = recording.meta.diagnosis?.findings[0] ? null : { ...view, own: false };
  const line = useMemo(
    () => (alone && isFiltered(view) ? heaviestLine(recording, alone) : ""),
    [recording, view.clock, view.process, view.thread, view.states, view.range, view.idle],
  );
  if (!isFiltered(view)) return null;
  const chosen = chosenWords(view);
  const [first] = advised.here;
  return (
    <>
      <p class="soft whole">This is of the whole recording.</p>
      <p class="lead" id="verdict-here">
        {!advised.filtered && (line === "" ? `No Python line has time in ${chosen}.` : `Of ${chosen}: ${line}`)}
        {advised.filtered && !first && `No finding is of ${chosen}.`}
        {first?.here && (
          <>
            First of {chosen}, {percent(first.here.share)} of its {view.clock === "cpu" ? "CPU time" : "time"}:{" "}
            <Sentence text={first.finding.sentence} />
          </>
        )}
      </p>
    </>
  );
}

interface VerdictProps {
  recording: Recording;
  view: View;
  advised: Advised;
}

export function Verdict({ recording, view, advised }: VerdictProps) {
  const [finding, second] = recording.meta.diagnosis?.findings ?? [];
  return (
    <section class="verdict" aria-labelledby="verdict">
      {finding && <p class="prescription">{adviceName(finding.prescription)}</p>}
      <h1 id="verdict">
        <Sentence text={verdictOf(recording)} />
      </h1>
      {finding && (
        <p class="lead">
          {finding.evidence.slice(0, 2).map((evidence) => (
            <span key={evidence.measure}>
              {evidence.value === null ? "?" : measure(evidence.value, evidence.unit, evidence.measure)} {visible(evidence.measure)}
            </span>
          ))}
          {finding.max_gain > 1 && <span>at most {gain(finding.max_gain)} {finding.gain_law === "memory" ? "less memory" : "faster"}</span>}
        </p>
      )}
      {finding?.tag === "starved" && second && second.prescription !== "insufficient" && (
        <p class="lead">
          Besides: <Sentence text={second.sentence} />
        </p>
      )}
      <VerdictHere recording={recording} view={view} advised={advised} />
    </section>
  );
}
