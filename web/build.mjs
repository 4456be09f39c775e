/*
 * Builds the page: bundles src/main.tsx and src/page.css into one HTML template and writes it twice, as page.html (to
 * look at) and as html_page.c (two byte arrays, cut where the recording's data goes; lib/export/html.c).
 *
 *   node build.mjs --out DIR [--npm PATH] [--depfile FILE]
 *
 * A machine that cannot install the page's parts still builds: html_page.c then holds no page but the reason, and the
 * dependency file names a file that does not exist, so that the next build tries again.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { install } from "./install.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const CUT = "<!--keisoku:data-->";

function option(name, fallback) {
  const at = process.argv.indexOf(name);
  return at > 0 ? process.argv[at + 1] : fallback;
}

function hash(text) {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}

/* Everything is forbidden but this one script and this one style: no fetch, no image, no frame, no form, no eval. */
function template(script, style) {
  const policy = [
    "default-src 'none'",
    `script-src ${hash(script)}`,
    `style-src ${hash(style)}`,
    "connect-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>keisoku</title>
<style>${style}</style>
</head>
<body>
<div id="app"><noscript>This page draws a recording with JavaScript. keisoku report prints the same as text.</noscript></div>
${CUT}
<script>${script}</script>
</body>
</html>
`;
}

function cArray(name, text) {
  const bytes = Buffer.from(text, "utf8");
  const lines = [];
  for (let i = 0; i < bytes.length; i += 32) lines.push(Array.from(bytes.subarray(i, i + 32)).join(","));
  return `const unsigned char ${name}[] = {\n${lines.join(",\n")},0};\nconst size_t ${name}_size = ${bytes.length};\n`;
}

function source(head, tail, missing) {
  return (
    `/* Made by web/build.mjs. */\n#include "export/html_page.h"\n\n` +
    cArray("html_page_head", head) +
    cArray("html_page_tail", tail) +
    `const char html_page_missing[] = ${JSON.stringify(missing.replace(/[^ -~]/g, "?").slice(0, 300))};\n`
  );
}

async function bundle() {
  const { build } = await import("esbuild");
  const common = { bundle: true, minify: true, write: false, logLevel: "warning", legalComments: "none" };
  const script = await build({
    ...common,
    entryPoints: [join(here, "src/main.tsx")],
    format: "iife",
    target: ["es2022", "chrome109", "firefox115", "safari16.4"],
    jsx: "automatic",
    jsxImportSource: "preact",
    charset: "ascii",
  });
  const style = await build({ ...common, entryPoints: [join(here, "src/page.css")], charset: "ascii" });
  const [js, css] = [script.outputFiles[0].text, style.outputFiles[0].text];
  if (/<\/script|<!--/i.test(js) || /<\/style/i.test(css)) throw new Error("the bundle would end its own element");
  return template(js, css).split(CUT);
}

const out = option("--out", join(here, "dist"));
const depfile = option("--depfile", null);
const inputs = ["build.mjs", "install.mjs", "package.json", "package-lock.json"].map((name) => join(here, name));
for (const name of readdirSync(join(here, "src"))) inputs.push(join(here, "src", name));

let head = "";
let tail = "";
let missing = install({ npm: option("--npm", "npm") });
if (missing) {
  missing = `its parts could not be installed (${missing}); see that npm can reach its registry and build again`;
  console.error(`web: the page is left out: ${missing}`);
  inputs.push(join(here, "node_modules", ".keisoku-installed"));
} else {
  [head, tail] = await bundle();
}
mkdirSync(out, { recursive: true });
writeFileSync(join(out, "page.html"), head + CUT + tail);
writeFileSync(join(out, "html_page.c"), source(head, tail, missing));
const escape = (path) => path.replace(/[ \\#]/g, "\\$&");
if (depfile) writeFileSync(depfile, `${escape(join(out, "html_page.c"))}: ${inputs.map(escape).join(" ")}\n`);
if (head) console.log(`web: page of ${Math.round((head.length + tail.length) / 1024)} kB`);
