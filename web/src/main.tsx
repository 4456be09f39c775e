/* The page, top to bottom in the order of the questions: trust, what now, where, what to do, which lines, how. */
import { render } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { useAdvice } from "./advice";
import { Cards } from "./cards";
import { load, type Meta, type Recording } from "./data";
import { DiffPage, loadDiff } from "./diff";
import { Filters } from "./filters";
import { FlameGraph } from "./flamegraph";
import { nameFilesFrom, visible } from "./format";
import { Masthead, programName, TrustLine, Verdict } from "./header";
import { IoWaits } from "./io";
import { HotLines } from "./lines";
import { MemoryLines } from "./memory";
import { StateBar } from "./statebar";
import { TimeStrip } from "./strip";
import { sumStates } from "./sums";
import { Tasks } from "./tasks";
import { ThreadBars } from "./threads";
import { useView, initialView, type View } from "./view";

/** Follows the system's preference, or the view's own choice, and says whether the page is dark. */
function useTheme(view: View): boolean {
  const [system, setSystem] = useState(() => matchMedia("(prefers-color-scheme: dark)").matches);
  useEffect(() => {
    const query = matchMedia("(prefers-color-scheme: dark)");
    const follow = () => setSystem(query.matches);
    query.addEventListener("change", follow);
    return () => query.removeEventListener("change", follow);
  }, []);
  const dark = view.theme === "auto" ? system : view.theme === "dark";
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  return dark;
}

function useSearchKey() {
  useEffect(() => {
    const key = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      if (event.key !== "/" || target.closest("input, select, textarea") || event.ctrlKey || event.metaKey) return;
      document.getElementById("search")?.focus();
      event.preventDefault();
    };
    addEventListener("keydown", key);
    return () => removeEventListener("keydown", key);
  }, []);
}

function Empty({ recording }: { recording: Recording }) {
  const { meta } = recording;
  const losses = meta.trust.losses.filter((loss) => loss.count > 0);
  const reasons = [...meta.notes.map(visible), ...losses.map((loss) => `${loss.count} × ${loss.line}`)];
  if (recording.cells.count > 0) reasons.push("every thread that was seen was an idle worker all along");
  return (
    <section class="empty">
      <h2>Why there is nothing to show</h2>
      {reasons.length === 0 ? (
        <p>The recording says no reason. A program that ends within milliseconds is over before its first sample.</p>
      ) : (
        <ul>
          {reasons.map((reason) => (
            <li key={reason}>{reason}</li>
          ))}
        </ul>
      )}
      <p class="soft">keisoku doctor says what can be measured on this machine.</p>
    </section>
  );
}

/** Loop, runtime, native modules, kernel: of the whole recording, whatever the filters are. */
function CodeLine({ meta }: { meta: Meta }) {
  const { code, code_by } = meta.diagnosis ?? {};
  if (!code) return null;
  return (
    <p class="soft" id="code">
      CPU time by code: {visible(code)} (whole recording, by {visible(code_by ?? "")})
    </p>
  );
}

function Page({ recording }: { recording: Recording }) {
  const { meta } = recording;
  const [view, set] = useView(meta, recording.nodes.count);
  const dark = useTheme(view);
  useSearchKey();
  const advised = useAdvice(recording, view);
  useEffect(() => {
    document.title = `${programName(meta)} — keisoku`;
  }, [meta]);
  const empty = useMemo(() => !(sumStates(recording, initialView(meta), false).wall > 0), [recording]);
  return (
    <>
      <Masthead recording={recording} view={view} set={set} />
      <main>
        <TrustLine meta={meta} />
        <Verdict recording={recording} view={view} advised={advised} />
        {empty ? (
          <>
            <Empty recording={recording} />
            <Cards recording={recording} view={view} advised={advised} />
          </>
        ) : (
          <>
            <Filters recording={recording} view={view} set={set} />
            <section aria-labelledby="where">
              <h2 id="where">Where the time went</h2>
              <StateBar recording={recording} view={view} set={set} />
              <ThreadBars recording={recording} view={view} set={set} />
              <IoWaits recording={recording} view={view} />
              <MemoryLines recording={recording} />
              <CodeLine meta={meta} />
            </section>
            <Cards recording={recording} view={view} advised={advised} />
            <section aria-labelledby="which">
              <h2 id="which">Which lines</h2>
              <HotLines recording={recording} view={view} />
            </section>
            <section aria-labelledby="when">
              <h2 id="when">When</h2>
              <TimeStrip recording={recording} view={view} set={set} dark={dark} />
            </section>
            {meta.tasks && (
              <section aria-labelledby="tasks-head">
                <h2 id="tasks-head">Which tasks</h2>
                <Tasks recording={recording} set={set} />
              </section>
            )}
            <section aria-labelledby="how">
              <h2 id="how">How it hangs together</h2>
              <FlameGraph recording={recording} view={view} set={set} dark={dark} />
            </section>
          </>
        )}
      </main>
      <footer class="foot soft">
        <p>
          {visible(meta.file)} · keisoku {visible(meta.version)} · nothing on this page was loaded from anywhere
        </p>
      </footer>
    </>
  );
}

const app = document.getElementById("app") as HTMLElement;

async function show() {
  if (document.getElementById("keisoku-diff")) {
    const { diff, block } = await loadDiff();
    app.textContent = "";
    render(<DiffPage diff={diff} block={block} />, app);
    return;
  }
  const recording = await load();
  nameFilesFrom(recording.meta.directory);
  app.textContent = "";
  render(<Page recording={recording} />, app);
}

show().then(
  () => {
    document.documentElement.dataset.ready = "1";
  },
  (error: unknown) => {
    app.textContent = `This page cannot be shown: ${error instanceof Error ? error.message : String(error)}`;
    document.documentElement.dataset.ready = "error";
  },
);
