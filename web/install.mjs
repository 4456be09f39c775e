/*
 * Installs what package-lock.json names into web/node_modules, once: the build needs the first half (`dependencies`),
 * the linter and the tests need everything. Called by build.mjs and by hand: node web/install.mjs [--all].
 */
import { createHash } from "node:crypto";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const stamp = join(here, "node_modules", ".keisoku-installed");

function wanted() {
  return createHash("sha256").update(readFileSync(join(here, "package-lock.json"))).digest("hex");
}

function installed(all) {
  if (!existsSync(stamp)) return false;
  const [hash, extent] = readFileSync(stamp, "utf8").trim().split(" ");
  return hash === wanted() && (extent === "all" || !all);
}

/* Two build directories may share the source tree: one installs, the other waits. */
function withLock(work) {
  const lock = join(here, ".installing");
  for (let tries = 0; ; tries++) {
    try {
      mkdirSync(lock);
      break;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
      const age = Date.now() - statSync(lock, { throwIfNoEntry: false })?.mtimeMs;
      if (tries > 600 || age > 300_000) rmdirSync(lock);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
    }
  }
  try {
    return work();
  } finally {
    rmdirSync(lock);
  }
}

/* Returns "" or why it failed, in one line. */
export function install({ npm = "npm", all = false } = {}) {
  if (installed(all)) return "";
  return withLock(() => {
    if (installed(all)) return "";
    const args = ["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];
    args.push("--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000"); /* without a network: soon */
    if (!all) args.push("--omit=dev");
    const result = spawnSync(npm, args, { cwd: here, encoding: "utf8", timeout: 300_000 });
    if (result.status !== 0) {
      const lines = `${result.stderr ?? ""}${result.error?.message ?? ""}`.split("\n");
      return lines.find((line) => line.trim() !== "")?.trim() ?? "npm ci failed";
    }
    writeFileSync(stamp, `${wanted()} ${all ? "all" : "build"}\n`);
    return "";
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const why = install({ all: process.argv.includes("--all") });
  if (why) {
    console.error(`web: ${why}`);
    process.exit(1);
  }
}
