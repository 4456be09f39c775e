/* What to do: at most three findings, each with its evidence, what it can gain and what was not measured. */
import type { Finding } from "./data";
import { measure, shortFile, visible } from "./format";
import { adviceName, gain } from "./header";
import { Sentence } from "./text";

function Card({ finding, rank }: { finding: Finding; rank: number }) {
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
                <span class="soft">faster{finding.gain_law === "" ? "" : ` (${visible(finding.gain_law)})`}</span>
              </p>
            )}
            {finding.predicted_high > 1 && (
              <p class="soft">
                expected {finding.predicted_low.toFixed(1)} to {finding.predicted_high.toFixed(1)}
                {"\u202f"}×
              </p>
            )}
            {finding.check_command !== "" && (
              <p class="check">
                <span class="soft">check it with</span> <code>{visible(finding.check_command)}</code>
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

export function Cards({ findings }: { findings: Finding[] }) {
  const shown = findings.slice(0, 3);
  if (shown.length === 0) return null;
  return (
    <section aria-labelledby="advice">
      <h2 id="advice">What to do</h2>
      <div class="cards">
        {shown.map((finding, i) => (
          <Card key={`${finding.tag}${finding.file}${finding.line}`} finding={finding} rank={i + 1} />
        ))}
      </div>
      {findings.length > shown.length && (
        <p class="soft">{findings.length - shown.length} more in keisoku report --json.</p>
      )}
    </section>
  );
}
