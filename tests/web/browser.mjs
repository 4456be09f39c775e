/*
 * Drives the page in headless Chromium: node browser.mjs PAGES SCREENSHOTS CHROMIUM prints one JSON object, check name →
 * "" or what was wrong. PAGES holds what make_page writes (orders.html, threads.html …). test_page.py calls it once and
 * turns every check into a test.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

const require = createRequire(new URL("../../web/package.json", import.meta.url));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const [pages, shots, executablePath] = process.argv.slice(2);
const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const checks = [];
const check = (name, run) => checks.push({ name, run });

/* Numbers on the page have narrow blanks inside. */
const plain = (text) => text.replace(/[\u202f\u00a0]/g, " ").replace(/\s+/g, " ").trim();

class Tab {
  constructor(page, file) {
    this.page = page;
    this.file = file;
    this.requests = [];
    this.complaints = [];
    page.on("request", (request) => this.requests.push(request.url()));
    page.on("console", (message) => {
      if (/willReadFrequently/.test(message.text())) return; /* of this test's own reading of pixels */
      if (message.type() === "error" || message.type() === "warning") this.complaints.push(message.text());
    });
    page.on("pageerror", (error) => this.complaints.push(String(error)));
  }

  async text(selector) {
    return plain(await this.page.locator(selector).first().innerText());
  }

  /* The cells of a table's rows. */
  rows(selector) {
    return this.page.$$eval(`${selector} tbody tr`, (rows) =>
      rows.map((row) => Array.from(row.children, (cell) => cell.textContent.replace(/[\u202f\u00a0]/g, " ").trim())),
    );
  }

  async openTwins() {
    await this.page.$$eval("details.twin", (all) => all.forEach((one) => (one.open = true)));
  }

  /* How many pixels of a canvas are opaque, and how many colours they have. */
  canvas(selector) {
    return this.page.$eval(selector, (canvas) => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      const colours = new Set();
      let painted = 0;
      for (let i = 0; i < data.length; i += 4)
        if (data[i + 3] > 0) {
          painted++;
          colours.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
        }
      return { painted, colours: colours.size, area: canvas.width * canvas.height, frames: Number(canvas.dataset.frames) };
    });
  }

  /* Drawing follows a frame later. */
  async until(holds, what) {
    for (let i = 0; i < 600; i++) {
      if (await holds()) return;
      await this.page.waitForTimeout(50);
    }
    assert.fail(`never: ${what}`);
  }

  /* Clicks a place of the flame graph: share of its width, row. */
  async clickFlame(x, row) {
    await this.page.locator(".flame-box canvas").scrollIntoViewIfNeeded();
    const box = await this.page.locator(".flame-box canvas").boundingBox();
    await this.page.mouse.click(box.x + box.width * x, box.y + row * 24 + 10);
  }

  hash() {
    return this.page.evaluate(() => location.hash);
  }

  /* Total time of the root of the tree table. */
  async rootTime() {
    await this.openTwins();
    return (await this.rows("table.tree"))[0][3];
  }
}

let context;

async function open(name, { hash = "", width = 1280, height = 900, scheme = "light", forced = null } = {}) {
  const page = await context.newPage();
  await page.emulateMedia({ colorScheme: scheme, forcedColors: forced });
  await page.setViewportSize({ width, height });
  const file = `file://${join(pages, `${name}.html`)}`;
  const tab = new Tab(page, file);
  await page.goto(file + hash);
  await page.waitForFunction(() => document.documentElement.dataset.ready !== undefined, null, { timeout: 60000 });
  return tab;
}

/* Runs a check over a tab; afterwards nothing may have been loaded, and no error or policy violation printed. */
async function over(name, options, run) {
  const tab = await open(name, options);
  try {
    await run(tab);
    assert.deepEqual(tab.complaints, []);
    assert.deepEqual(tab.requests.filter((url) => url !== tab.file && !url.startsWith(`${tab.file}#`)), []);
  } finally {
    await tab.page.close();
  }
}

for (const name of ["orders", "threads", "phases", "hostile", "empty", "weak", "big", "tasks", "work", "diff", "diff-hostile", "diff-runs"])
  check(`${name}: opens without an error, a policy violation or a request`, () =>
    over(name, {}, async (tab) => {
      assert.equal(await tab.page.evaluate(() => document.documentElement.dataset.ready), "1");
      assert.equal(await tab.page.evaluate(() => document.querySelectorAll("h1").length), 1);
    }),
  );

check("the policy blocks what a page must not do", () =>
  over("orders", {}, async (tab) => {
    const got = await tab.page.evaluate(async () => {
      const outcome = {};
      outcome.fetch = await fetch("data:text/plain,x").then(() => "went through", () => "blocked");
      const script = document.createElement("script");
      script.textContent = "window.injected = 1";
      document.body.append(script);
      outcome.script = window.injected === undefined ? "blocked" : "went through";
      return outcome;
    });
    assert.deepEqual(got, { fetch: "blocked", script: "blocked" });
    tab.complaints.length = 0; /* the two refusals */
    tab.requests.length = 0;
  }),
);

check("the trust line counts", () =>
  over("orders", {}, async (tab) => {
    const text = await tab.text(".trust summary");
    for (const part of ["12 400 samples, all exact (11 778 read from its own core, 622 asleep)", "0 lost", "0.7 % of its time", "perf clock"])
      assert.ok(text.includes(part), text);
  }),
);

check("processes are counted as on the terminal: those with a Python, and others apart", () =>
  over("threads", {}, async (tab) => {
    const facts = await tab.text(".facts");
    assert.ok(/2.processes and 1 without Python/.test(facts), facts);
    await over("orders", {}, async (other) => assert.match(await other.text(".facts"), /1.process(?! and)/));
  }),
);

check("a number and its unit stay on one line", () =>
  over("hot-loop", {}, async (tab) => {
    const words = await tab.page.locator("h1").innerText();
    assert.match(words, /\d\u202f%/);
    assert.doesNotMatch(words, /\d %/);
  }),
);

check("the verdict is the first finding's sentence", () =>
  over("orders", {}, async (tab) => {
    assert.equal(await tab.text("h1"), "match_orders searches a list of 48 000 with in: use a set");
    assert.equal(await tab.page.locator(".card").count(), 3);
    const card = await tab.text(".card");
    for (const part of ["at most 3.4 ×", "48 000 items in the list", "Do this", "not measured: memory of the set"])
      assert.ok(card.includes(part), card);
  }),
);

check("a weak recording says so", () =>
  over("weak", {}, async (tab) => {
    assert.ok((await tab.text(".trust summary")).includes("only 41 samples: run longer"));
  }),
);

check("an empty recording says why", () =>
  over("empty", {}, async (tab) => {
    assert.equal(await tab.text("h1"), "Nothing was measured");
    const text = await tab.text(".empty");
    assert.ok(text.includes("no Python interpreter was seen in process 9"), text);
    assert.ok(text.includes("a process ended before it was looked into"), text);
  }),
);

check("the state bar's table has what was put in", () =>
  over("threads", {}, async (tab) => {
    await tab.openTwins();
    const rows = Object.fromEntries((await tab.rows("#state-table")).map((row) => [row[0].replace(/^\S /, ""), row]));
    /* 4 threads of 3 s: 1.5 + 1.5 + 2.25 s of Python, 3 s of lock …; the idle worker is left out */
    assert.deepEqual(Object.keys(rows).map((key) => key.split(" ").pop()).sort(), ["gil-wait", "lock", "python", "sleep"]);
    const of = (name) => Object.entries(rows).find(([key]) => key.endsWith(name))[1];
    assert.equal(of("python")[2], "44 %");
    assert.equal(of("python")[4], "5.25 s");
    assert.equal(of("gil-wait")[4], "3.00 s");
    assert.equal(of("lock")[4], "3.00 s");
    assert.equal(of("sleep")[4], "750 ms");
  }),
);

check("a state of the bar filters everything", () =>
  over("orders", {}, async (tab) => {
    await tab.page.locator('.bar [data-state="io"]').first().click();
    assert.equal(await tab.hash(), "#states=io");
    const rows = await tab.rows("#lines");
    assert.equal(rows.length, 2);
    assert.ok(rows[0][1].includes("for row in csv.reader(handle):"), rows[0][1]);
    await tab.page.locator(".chip").first().click();
    assert.ok((await tab.rows("#lines")).length > 2);
  }),
);

check("hot lines have source text, own code first, states", () =>
  over("orders", {}, async (tab) => {
    const rows = await tab.rows("#lines");
    assert.equal(rows.length, 5);
    assert.ok(rows[0][1].startsWith("if key in seen:"), rows[0][1]);
    assert.match(plain(rows[0][0]), /^71 % ±0\.[0-9]/);
    assert.ok(rows[0][2].includes("python 98 %"), rows[0][2]);
    await tab.page.locator("#lines .line").first().click();
    assert.ok((await tab.text(".source .here")).includes("if key in seen:"));
  }),
);

check("own code only: library time goes to the line that calls it", () =>
  over("orders", {}, async (tab) => {
    await tab.page.locator("#own").click();
    const rows = await tab.rows("#lines");
    const dump = rows.find((row) => row[1].includes("json.dump("));
    assert.ok(dump, JSON.stringify(rows));
    assert.equal(dump[0].split(" %")[0], "9");
    assert.equal(dump[3], "9 %");
    await tab.openTwins();
    const names = (await tab.rows("table.tree")).map((row) => row[0]);
    assert.ok(!names.some((name) => name.includes("iterencode")), names.join());
  }),
);

check("the flame graph draws", () =>
  over("orders", {}, async (tab) => {
    const { painted, colours, area, frames } = await tab.canvas(".flame-box canvas");
    assert.ok(painted > area * 0.3, `${painted} of ${area} pixels`);
    assert.ok(colours > 8, `${colours} colours`);
    assert.equal(frames, 10);
  }),
);

check("frames by line, colours by state", () =>
  over("orders", {}, async (tab) => {
    const before = await tab.canvas(".flame-box canvas");
    await tab.page.locator('.tools button:text-is("lines")').click();
    assert.ok((await tab.canvas(".flame-box canvas")).frames > before.frames);
    await tab.openTwins();
    const names = (await tab.rows("table.tree")).map((row) => row[0]).join(" ");
    assert.ok(names.includes("match_orders:20"), names);
    await tab.page.locator('.tools button:text-is("functions")').click();
    await tab.page.locator('.tools button:text-is("state")').click();
    assert.equal(await tab.hash(), "#colour=state");
    const after = await tab.canvas(".flame-box canvas");
    assert.equal(after.frames, before.frames);
    assert.notEqual(after.colours, before.colours);
  }),
);

check("a click zooms, the trail leads back", () =>
  over("orders", {}, async (tab) => {
    const before = await tab.canvas(".flame-box canvas");
    await tab.clickFlame(0.9, 2); /* settle */
    assert.match(await tab.hash(), /zoom=\d+/);
    assert.ok((await tab.text(".crumbs")).includes("settle"));
    const after = await tab.canvas(".flame-box canvas");
    assert.notEqual(after.frames, before.frames);
    await tab.page.locator(".crumbs button").first().click();
    assert.equal(await tab.hash(), "");
    assert.equal((await tab.canvas(".flame-box canvas")).frames, before.frames);
  }),
);

check("the pointer shows exact numbers", () =>
  over("orders", {}, async (tab) => {
    await tab.page.locator(".flame-box canvas").scrollIntoViewIfNeeded();
    const box = await tab.page.locator(".flame-box canvas").boundingBox();
    await tab.page.mouse.move(box.x + box.width * 0.3, box.y + 2 * 24 + 10);
    const text = await tab.text(".tooltip");
    for (const part of ["match_orders", "77 % of all, 9.55 s", "9 548 samples", "own code"])
      assert.ok(text.includes(part), text);
  }),
);

check("the keyboard walks, zooms and resets the flame graph", () =>
  over("orders", {}, async (tab) => {
    const canvas = tab.page.locator(".flame-box canvas");
    await canvas.focus();
    for (const key of ["ArrowDown", "ArrowDown", "ArrowRight"]) await canvas.press(key);
    assert.ok((await tab.text("#flame-now")).startsWith("settle"), await tab.text("#flame-now"));
    await canvas.press("ArrowLeft");
    assert.ok((await tab.text("#flame-now")).startsWith("match_orders"));
    await canvas.press("ArrowUp");
    assert.ok((await tab.text("#flame-now")).startsWith("<module>"));
    for (const key of ["ArrowDown", "ArrowRight", "Enter"]) await canvas.press(key);
    assert.match(await tab.hash(), /zoom=/);
    await canvas.press("Escape");
    assert.equal(await tab.hash(), "");
  }),
);

check("search finds, highlights and shares", () =>
  over("orders", {}, async (tab) => {
    const before = await tab.canvas(".flame-box canvas");
    await tab.page.keyboard.press("/");
    await tab.page.keyboard.type("ENCODER");
    assert.equal(await tab.text("#search-result"), "1 frame, 9 % of the time");
    const after = await tab.canvas(".flame-box canvas");
    assert.equal(after.frames, before.frames);
    assert.equal(await tab.hash(), "#search=ENCODER");
    await tab.page.fill("#search", "no such function");
    assert.equal(await tab.text("#search-result"), "0 frames, 0 % of the time");
  }),
);

check("a thread and a process can be chosen", () =>
  over("threads", {}, async (tab) => {
    assert.equal(await tab.rootTime(), "12.0 s");
    await tab.page.selectOption("#thread", { index: 2 });
    assert.match(await tab.hash(), /thread=\d/);
    assert.equal(await tab.rootTime(), "3.00 s");
    const value = await tab.page.$eval("#thread optgroup:nth-of-type(2) option", (option) => option.value);
    await tab.page.selectOption("#thread", value);
    assert.equal(await tab.hash(), "#process=2");
    assert.equal(await tab.rootTime(), "3.00 s");
    await tab.page.selectOption("#thread", "all");
    await tab.page.locator("#idle").click();
    assert.equal(await tab.rootTime(), "15.0 s");
  }),
);

check("each thread has its bar, with a table, and filters", () =>
  over("threads", {}, async (tab) => {
    await tab.openTwins();
    const rows = await tab.rows("#thread-table");
    assert.deepEqual(
      rows.map((row) => row[0]),
      ["MainThread · 101", "worker-1", "worker-2", "MainThread · 100"],
    );
    assert.deepEqual(rows[1].slice(2, 4), ["3.00 s", "1.50 s"]);
    assert.match(rows[1][4], /^50 % /);
    await tab.page.locator(".threads button").nth(1).click();
    assert.match(await tab.hash(), /thread=\d/);
    assert.equal(await tab.rootTime(), "3.00 s");
    assert.equal((await tab.rows("#thread-table")).length, 4); /* the others stay to be chosen */
    await tab.page.locator(".threads button").nth(1).click();
    assert.equal(await tab.hash(), "");
  }),
);

check("a card's command can be copied", () =>
  over("orders", {}, async (tab) => {
    await tab.page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    await tab.page.locator(".card .copy").first().click();
    await tab.until(async () => (await tab.text('.card [role="status"]')) === "copied", "said");
    const text = await tab.page.evaluate(() => navigator.clipboard.readText());
    assert.equal(text, "keisoku bench 'python orders.py' 'python orders_fixed.py'");
  }),
);

check("the CPU clock changes the weights", () =>
  over("threads", {}, async (tab) => {
    await tab.page.locator('.filters button:text-is("CPU")').click();
    assert.equal(await tab.rootTime(), "5.25 s");
  }),
);

check("the table twin has the drawing's numbers", () =>
  over("orders", {}, async (tab) => {
    await tab.openTwins();
    const rows = await tab.rows("table.tree");
    const canvas = tab.page.locator(".flame-box canvas");
    await canvas.focus();
    const seen = {};
    for (const key of ["Home", "ArrowDown", "ArrowDown", "ArrowRight", "ArrowRight"]) {
      await canvas.press(key);
      const text = await tab.text("#flame-now");
      const [, name, share, time, self] = text.match(/^(\S+) .*?(\S+ %) of all, (\S+ \S+); itself (\S+ %)/);
      seen[name] = [share, time, self];
    }
    assert.deepEqual(Object.keys(seen), ["all", "<module>", "match_orders", "settle", "load"]);
    for (const [name, numbers] of Object.entries(seen)) {
      const row = rows.find((one) => one[0].replace(/^[▾▸]/, "") === name);
      assert.ok(row, `${name} is not in the table`);
      assert.deepEqual([row[2], row[3], row[4]], numbers, name);
    }
  }),
);

check("the tree table walks with the keyboard", () =>
  over("orders", {}, async (tab) => {
    await tab.openTwins();
    const row = () => tab.page.evaluate(() => document.activeElement.closest("tr")?.textContent.slice(0, 14));
    await tab.page.locator("table.tree tbody tr").first().focus();
    await tab.page.keyboard.press("ArrowDown");
    await tab.until(async () => (await row())?.includes("<module>"), "the focus moves");
    const open = await tab.page.locator("table.tree tbody tr").count();
    await tab.page.keyboard.press("ArrowLeft");
    await tab.until(async () => (await tab.page.locator("table.tree tbody tr").count()) < open, "rows close");
    await tab.page.keyboard.press("ArrowRight");
    await tab.until(async () => (await tab.page.locator("table.tree tbody tr").count()) === open, "rows open");
    await tab.page.keyboard.press("End");
    await tab.page.keyboard.press("Enter");
    assert.match(await tab.hash(), /zoom=/);
  }),
);

check("brushing the strip filters everything", () =>
  over("orders", {}, async (tab) => {
    const strip = tab.page.locator(".strip canvas");
    await strip.scrollIntoViewIfNeeded();
    const box = await strip.boundingBox();
    await tab.page.mouse.move(box.x + 1, box.y + 20);
    await tab.page.mouse.down();
    await tab.page.mouse.move(box.x + box.width * 0.05, box.y + 20, { steps: 4 });
    await tab.page.mouse.up();
    assert.match(await tab.hash(), /range=0-1\d/);
    const rows = await tab.rows("#lines");
    assert.ok(rows[0][1].includes("for row in csv.reader"), rows[0][1]);
    await strip.focus();
    await strip.press("Escape");
    assert.equal(await tab.hash(), "");
    await strip.press("ArrowRight");
    assert.equal(await tab.hash(), "#range=0-30");
    await strip.press("Shift+ArrowRight");
    assert.equal(await tab.hash(), "#range=0-35");
  }),
);

check("a stretch: lines, waits and the card's place are of it", () =>
  over("work", {}, async (tab) => {
    const report = JSON.parse(readFileSync(join(pages, "work.json"), "utf8"));
    assert.equal(report.findings[0].tag, "list-membership");
    assert.equal(await tab.page.locator(".here").count(), 0);
    assert.equal(await tab.page.locator(".whole").count(), 0);
    assert.ok((await tab.rows("#lines"))[0][1].includes("crawl.py:12"));
    const strip = tab.page.locator(".strip canvas");
    const clear = async () => {
      await strip.press("Escape");
      await tab.until(async () => (await tab.page.locator(".here").count()) === 0, "the whole recording again");
    };
    const brush = async (from, to) => {
      await strip.scrollIntoViewIfNeeded();
      const box = await strip.boundingBox(); /* what is told of the stretch before may have moved it */
      await tab.page.mouse.move(box.x + box.width * from, box.y + 20);
      await tab.page.mouse.down();
      await tab.page.mouse.move(box.x + box.width * to, box.y + 20, { steps: 4 });
      await tab.page.mouse.up();
    };
    /* 2 s of sums, 4 s of waits, 6 s of searching. */
    await brush(0.52, 0.98);
    await tab.until(async () => (await tab.page.locator(".here").count()) > 0, "the stretch's own shares");
    assert.ok((await tab.rows("#lines"))[0][1].includes("crawl.py:12"));
    const here = Number((await tab.text(".card .here strong")).split(" ")[0]);
    assert.ok(Math.abs(here - 95) <= 3, `${here} % of the stretch`);
    assert.equal(await tab.page.locator("#io").count(), 0);
    const whole = report.lines.find((line) => line.line === 12).share;
    assert.ok((await tab.text(".here")).includes(`${Math.round(whole * 100)} % of the whole recording`), await tab.text(".here"));
    await clear();
    await brush(0.01, 0.15);
    await tab.until(async () => (await tab.rows("#lines"))[0][1].includes("crawl.py:22"), "the stretch's lines");
    await tab.until(async () => (await tab.page.locator(".behind .here").count()) > 0, "the finding behind");
    assert.match(await tab.text(".behind .here"), /^(Not of this stretch: none of its|Hardly of this stretch: [\d.<]+ %)/);
    await clear();
    await brush(0.19, 0.48);
    const waits = /network 5\d % .*disk 3\d % .*pipe|disk 3\d % .*network 5\d % .*pipe/;
    await tab.until(async () => waits.test(await tab.text("#io")), "the stretch's waits");
    assert.equal(await tab.text(".verdict .whole"), "This is of the whole recording.");
    assert.equal(await tab.page.locator(".card .here").count(), await tab.page.locator(".card").count());
  }),
);

/* phases: 5 s of which search:12 has 90 % and load 5 %, then 5 s of which total has 70 %, save 25 % (waiting). */
class Cards {
  constructor(tab) {
    this.tab = tab;
  }

  /* Where each card stands ("" is behind) and what it is about. */
  order() {
    return this.tab.page.$$eval(".card", (all) =>
      all.map((card) => {
        const behind = card.closest(".behind") !== null;
        const rank = card.querySelector(".rank").textContent;
        return `${behind ? "behind" : rank} ${card.querySelector("header .mono").textContent}`;
      }),
    );
  }

  of(tag) {
    return this.tab.page.locator(".card", { has: this.tab.page.locator(`header .mono:text-is("${tag}")`) });
  }

  async told(tag) {
    return plain(await this.of(tag).locator(".here").innerText());
  }

  settled(first) {
    return this.tab.until(async () => (await this.order())[0] === first, `${first} is first`);
  }
}

/* hot-loop is the fourth of the whole, and the first of the second half. */
const WHOLE_ORDER = ["1 list-membership", "2 tiny-writes", "3 flat"];
const SECOND_ORDER = ["1 hot-loop", "2 tiny-writes", "3 flat", "behind list-membership"];

check("a stretch: cards are ranked by their share of it, with its own numbers", () =>
  over("phases", {}, async (tab) => {
    const cards = new Cards(tab);
    assert.deepEqual(await cards.order(), WHOLE_ORDER);
    assert.equal(await tab.text("#advice-now"), "");
    const before = await tab.page.locator("section:has(> #advice)").innerHTML();
    const verdict = await tab.page.locator(".verdict").innerHTML();
    await tab.page.evaluate(() => (location.hash = "#range=150-300"));
    await cards.settled("1 hot-loop");
    assert.deepEqual(await cards.order(), SECOND_ORDER);
    /* 14 of the 15 ms on a core, which have a sampling error; 5 of 5 ms off it, which have none to speak of */
    assert.match(
      await cards.told("hot-loop"),
      /^70 % ±0\.6 of the time of this stretch has one of these lines on its stack \(3 500 of 5 000 samples\), 35 % of the whole recording\. native\+gil 71 %, python 29 %$/,
    );
    assert.match(
      await cards.told("tiny-writes"),
      /^25 % ±<0\.1 of the time of this stretch has this line on its stack \(1 250 of 5 000 samples\), 13 % of the whole recording\. io 100 %$/,
    );
    assert.equal(
      await cards.told("list-membership"),
      "Not of this stretch: none of its 5 000 samples has this line on its stack (so <0.1 % of its time); 45 % of the whole recording.",
    );
    assert.match(await cards.told("flat"), /^About no one place, so nothing is told of this stretch/);
    assert.equal(
      await tab.text("#advice-now"),
      "Of 4 findings 2 are of this stretch, by their share of its time; 1 is not; 1 is about no one place.",
    );
    assert.equal(
      await tab.text("#verdict-here"),
      "First of this stretch, 70 % of its time: total is one loop over numbers: compile it",
    );
    assert.ok((await tab.rows("#lines"))[0][1].includes("phases.py:22"));
    await tab.page.getByRole("button", { name: /^Remove filter 5.00.s to 10.0.s/ }).click();
    await cards.settled("1 list-membership");
    assert.equal(await tab.page.locator("section:has(> #advice)").innerHTML(), before);
    assert.equal(await tab.page.locator(".verdict").innerHTML(), verdict);
  }),
);

check("a stretch: what cannot be told of it is said once a card, the rest is folded where the card is not of it", () =>
  over("phases", { hash: "#range=0-150" }, async (tab) => {
    const cards = new Cards(tab);
    assert.deepEqual(await cards.order(), ["1 list-membership", "2 flat", "behind tiny-writes"]);
    assert.match(await cards.told("list-membership"), /^90 % .* \(4 500 of 5 000 samples\), 45 % of the whole recording\. python 100 %$/);
    const here = cards.of("list-membership");
    assert.deepEqual(await here.locator(".whole").allInnerTexts(), [
      "Below is of the whole recording.",
    ]);
    /* of the whole 44 % goes, which is 99 % of its place's time there; of the stretch, in which that is 90 %, 89 % */
    assert.equal(plain(await here.locator(".most").innerText()), "this stretch gets at most 9.0 × faster (Amdahl, by that share)");
    assert.ok(plain(await here.locator(".gain").innerText()).startsWith("at most 1.8 × faster"));
    assert.equal(await here.locator(".evidence").getAttribute("aria-label"), "Evidence, of the whole recording");
    const away = cards.of("tiny-writes");
    assert.equal(await away.locator(".gain").isVisible(), false);
    await away.locator("summary").click();
    assert.ok(plain(await away.locator(".gain").innerText()).startsWith("at most 1.1 × faster"));
    const look = (card) =>
      card.evaluate((one) => {
        const { borderTopStyle, boxShadow } = getComputedStyle(one);
        return [borderTopStyle, boxShadow === "none", getComputedStyle(one.querySelector("h3")).color];
      });
    const [front, behind] = [await look(here), await look(away)];
    assert.deepEqual([front.slice(0, 2), behind.slice(0, 2)], [["solid", false], ["dashed", true]]);
    assert.notEqual(front[2], behind[2]);
  }),
);

check("a stretch: the pointer and the keyboard choose it, and a screen reader is told", () =>
  over("phases", {}, async (tab) => {
    const cards = new Cards(tab);
    const strip = tab.page.locator(".strip canvas");
    await strip.scrollIntoViewIfNeeded();
    const box = await strip.boundingBox();
    await tab.page.mouse.move(box.x + box.width * 0.52, box.y + 20);
    await tab.page.mouse.down();
    await tab.page.mouse.move(box.x + box.width * 0.98, box.y + 20, { steps: 4 });
    await tab.page.mouse.up();
    await cards.settled("1 hot-loop");
    assert.deepEqual(await cards.order(), SECOND_ORDER);
    await strip.focus();
    await strip.press("Escape");
    await cards.settled("1 list-membership");
    assert.deepEqual(await cards.order(), WHOLE_ORDER);
    await strip.press("ArrowRight"); /* the first tenth */
    await tab.until(async () => (await cards.order()).includes("behind tiny-writes"), "the first tenth");
    assert.match(await cards.told("list-membership"), /^90 % .* of 1 000 samples\), 45 %/);
    for (let i = 0; i < 30; i++) await strip.press("ArrowRight");
    assert.equal(await tab.hash(), "#range=150-180");
    await cards.settled("1 hot-loop");
    assert.match(await cards.told("hot-loop"), /^70 % .* \(700 of 1 000 samples\)/);
    assert.match(await cards.told("list-membership"), /^Not of this stretch: none of its 1 000 samples .*\(so at most 0\.4 % of its time\)/);
    for (const id of ["#advice-now", "#strip-now"])
      assert.equal(await tab.page.locator(id).getAttribute("role"), "status");
    assert.match(await tab.text("#strip-now"), /In it busy cores, all programs: \d\.\d of 8; memory: at most [\d.]+ MB\./);
    const behind = tab.page.getByRole("group", { name: "Not, or hardly, of this stretch" });
    const article = behind.getByRole("article", { name: "search looks through a list: use a set" });
    assert.equal(await article.count(), 1);
    const described = await article.evaluate((one) => document.getElementById(one.getAttribute("aria-describedby")).textContent);
    assert.match(described, /^Not of this stretch/);
    assert.equal(await tab.page.evaluate(() => document.activeElement.closest(".strip") !== null), true);
    await strip.press("Escape");
    await cards.settled("1 list-membership");
    assert.equal(await tab.text("#advice-now"), "");
    assert.equal(await tab.page.locator(".behind, .here, .whole, #verdict-here").count(), 0);
  }),
);

check("a stretch in which nothing ran, and the CPU clock", () =>
  over("phases", { hash: "#range=150-300&clock=cpu" }, async (tab) => {
    const cards = new Cards(tab);
    assert.deepEqual(await cards.order(), ["1 hot-loop", "2 flat", "behind list-membership", "behind tiny-writes"]);
    /* without the waiting: 14 of 15 */
    assert.match(await cards.told("hot-loop"), /^93 % ±.* of the CPU time of this stretch .* \(3 500 of 3 750 samples\)/);
    await tab.page.evaluate(() => (location.hash = "#states=gc"));
    await tab.until(async () => (await cards.order())[0] === "1 flat", "no finding is of it");
    assert.match(await cards.told("list-membership"), /^Not of what is chosen: no time was measured there; 45 %/);
    assert.equal(await tab.text("#verdict-here"), "No finding is of what is chosen.");
  }),
);

check("input and output by kind, as the report has it", () =>
  over("work", {}, async (tab) => {
    const report = JSON.parse(readFileSync(join(pages, "work.json"), "utf8"));
    await tab.openTwins();
    const rows = await tab.rows("#io-table");
    assert.deepEqual(rows.map((row) => row[0]).sort(), Object.keys(report.states.io).sort());
    for (const [kind, share, half] of rows) {
      const told = report.states.io[kind];
      assert.ok(Math.abs(Number(share.split(" ")[0]) / 100 - told.share) < 0.0051, `${kind}: ${share}, ${told.share}`);
      const points = Number(half.replace("±", "")) / 100;
      assert.ok(Math.abs(points - (told.high - told.low) / 2) < 0.0055, `${kind}: ${half}, ${told.low} to ${told.high}`);
    }
  }),
);

check("what a hot line works on stands below it", () =>
  over("work", {}, async (tab) => {
    const rows = await tab.rows("#lines");
    const of = (line) => rows.find((row) => row[1].includes(`crawl.py:${line} `))[1];
    assert.ok(of(12).includes("in on a list of about 200 000 (94 % of 100 looks)"), of(12));
    assert.ok(of(22).includes("[] on an array of 1000 x 1000 (100 % of 40 looks)"), of(22));
    assert.equal(await tab.page.locator(".work").count(), 2);
  }),
);

check("the table of cores says what each was used and waited for", () =>
  over("orders", {}, async (tab) => {
    await tab.openTwins();
    const rows = await tab.rows("#core-table");
    assert.match(rows.map((row) => row.join(" | ")).join("\n"), /^0 \| [\d.]+ s \| (4\d|50) % \| (9\d|100) % \| [\d.]+ s$/);
  }),
);

check("a pause is a cut in the strip, and told in its table", () =>
  over("threads", {}, async (tab) => {
    await tab.openTwins();
    const cuts = (await tab.rows("#strip-table")).filter((row) => row[1].includes("nothing was measured"));
    assert.deepEqual(cuts.map((row) => row.join(" ")), [
      "at 500 ms paused for 14.0 s: nothing was measured",
      "at 1.00 s paused for 250 ms: nothing was measured",
    ]);
    assert.match(await tab.text("#strip-now"), /paused 2 times, for 14\.3? s in all/);
    const seconds = parseFloat(await tab.page.locator(".axis span").last().innerText());
    const drawn = await tab.page.evaluate((shares) => {
      const canvas = document.querySelector(".strip canvas");
      const context = canvas.getContext("2d");
      const colour = (share) => [...context.getImageData(Math.round(canvas.width * share), canvas.height / 4, 1, 1).data];
      const probe = document.createElement("canvas").getContext("2d");
      probe.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--paper").trim();
      probe.fillRect(0, 0, 1, 1);
      return { paper: [...probe.getImageData(0, 0, 1, 1).data], cuts: shares.map(colour) };
    }, [0.5 / seconds, 1 / seconds]);
    for (const colour of drawn.cuts) assert.deepEqual(colour, drawn.paper);
  }),
);

check("the address holds the view", () =>
  over("orders", { hash: "#own=1&clock=cpu&search=price&states=python%2Cgc&theme=dark" }, async (tab) => {
    assert.equal(await tab.page.locator("#own").getAttribute("aria-pressed"), "true");
    assert.equal(await tab.page.inputValue("#search"), "price");
    assert.equal(await tab.page.evaluate(() => document.documentElement.dataset.theme), "dark");
    assert.equal(await tab.page.locator(".chip").count(), 4);
    await tab.page.goBack().catch(() => undefined);
  }),
);

check("a fragment of nonsense is ignored", () =>
  over(
    "orders",
    { hash: "#zoom=999999999&thread=-3&process=x&states=constructor,__proto__&range=9-2&theme=%3Cscript%3E&search=%3Cb%3E" },
    async (tab) => {
      assert.equal(await tab.page.evaluate(() => document.documentElement.dataset.ready), "1");
      assert.equal(await tab.rootTime(), "12.4 s");
    },
  ),
);

check("Back undoes a step", () =>
  over("orders", {}, async (tab) => {
    await tab.page.locator("#own").click();
    assert.equal(await tab.hash(), "#own=1");
    await tab.page.evaluate(() => history.back());
    await tab.page.waitForFunction(() => document.getElementById("own").getAttribute("aria-pressed") === "false");
  }),
);

check("the theme can be chosen", () =>
  over("orders", { scheme: "dark" }, async (tab) => {
    const theme = () => tab.page.evaluate(() => document.documentElement.dataset.theme);
    assert.equal(await theme(), "dark");
    await tab.page.locator("#theme").click();
    assert.equal(await theme(), "light");
    await tab.page.locator("#theme").click();
    assert.equal(await theme(), "dark");
  }),
);

for (const [what, damage] of [
  ["cut short", (text) => text.replace(/(id="keisoku-cells">[^<]{8})[^<]*/, "$1")],
  ["no base64", (text) => text.replace(/id="keisoku-nodes">[^<]*/, 'id="keisoku-nodes">***')],
  ["no block", (text) => text.replace(/<script type="text\/plain" id="keisoku-meta">[^<]*<\/script>/, "")],
  ["another block", (text) => text.replace(/(id="keisoku-cells">)[^<]*/, `$1${text.match(/id="keisoku-strings">([^<]*)/)[1]}`)],
])
  check(`damaged data (${what}) is one clear line`, async () => {
    const name = `damaged-${what.replace(/ /g, "-")}`;
    writeFileSync(join(pages, `${name}.html`), damage(readFileSync(join(pages, "orders.html"), "utf8")));
    await over(name, {}, async (tab) => {
      assert.equal(await tab.page.evaluate(() => document.documentElement.dataset.ready), "error");
      assert.match(await tab.text("#app"), /^This page cannot be shown: .{5,200}$/);
    });
  });

/* The page of a recording against the report of the same recording. */
for (const name of ["hot-loop", "waits", "tasks", "work"])
  check(`${name}: the page's numbers are those of the JSON report`, () =>
    over(name, { hash: "#clock=wall" }, async (tab) => {
      const report = JSON.parse(readFileSync(join(pages, `${name}.json`), "utf8"));
      assert.equal(await tab.text("h1"), plain(report.verdict.sentence.replaceAll("`", "")));
      await tab.openTwins();
      const percent = (text) => (text === "" ? 0 : text === "<0.1 %" ? 0.0005 : Number(text.split(" ")[0]) / 100);
      const near = (a, b, what) => assert.ok(Math.abs(a - b) < 0.0051, `${what}: ${a}, reported ${b}`);
      const states = await tab.rows("#state-table");
      for (const [state, { share }] of Object.entries(report.states.wall)) {
        const row = states.find((one) => one[0].endsWith(` ${state}`));
        near(row ? percent(row[2]) : 0, share, state);
      }
      const lines = await tab.rows("#lines");
      const reported = report.lines.filter((line) => line.share > 0);
      for (const row of lines.slice(0, Math.min(lines.length, reported.length))) {
        const line = reported.find((one) => row[1].includes(`${one.file.split("/").pop()}:${one.line} `));
        assert.ok(line, row[1]);
        near(percent(row[0].split("±")[0].trim()), line.share, row[1]);
      }
      assert.ok((await tab.text(".trust summary")).startsWith(`✓ ${report.trust.samples.toLocaleString("en").replaceAll(",", " ")} samples`));
    }),
  );

check("tasks: each one's times, what it waits in and for whom", () =>
  over("tasks", {}, async (tab) => {
    const report = JSON.parse(readFileSync(join(pages, "tasks.json"), "utf8"));
    const rows = await tab.rows("#tasks");
    assert.equal(rows.length, report.tasks.length);
    const seconds = (text) => (text === "" ? 0 : Number(text.split(" ")[0]) / (text.endsWith(" ms") ? 1000 : 1));
    for (const task of report.tasks) {
      const row = rows.find((one) => one[0].startsWith(task.name ?? task.coroutine));
      assert.ok(row, task.name);
      assert.ok(Math.abs(seconds(row[1]) - task.cpu_s) < 0.01, row.join("|"));
      assert.ok(Math.abs(seconds(row[3]) - task.wait_s) < 0.01, row.join("|"));
      assert.ok(row[4].includes(task.awaited_by ? `for ${task.awaited_by}` : ""), row[4]);
      if (task.waits_in?.function) assert.ok(row[4].startsWith(task.waits_in.function), row[4]);
    }
    assert.deepEqual(
      rows.map((row) => row[0].split(" ")[0]),
      ["handle", "refresh", "fetch-1", "fetch-2", "<b>odd</b>"],
    );
    const levels = await tab.page.$$eval("#tasks tbody tr", (all) => all.map((row) => Number(row.dataset.level)));
    assert.deepEqual(levels, [0, 0, 1, 1, 0]);
    assert.ok(rows[1][4].endsWith("on 2 tasks"), rows[1][4]);
    assert.equal(rows[0][0].includes("×2"), true);
  }),
);

check("tasks: a task is marked in the flame graph, in own code too", () =>
  over("tasks", { hash: "#own=1" }, async (tab) => {
    await tab.page.locator("#tasks button", { hasText: "fetch-1" }).click();
    assert.match(await tab.hash(), /search=task\+fetch-1/);
    await tab.openTwins();
    const tree = await tab.rows("table.tree");
    const row = tree.find((one) => one[0].endsWith("task fetch-1"));
    assert.ok(row, JSON.stringify(tree));
    assert.equal(row[2], "25 %");
    assert.equal(row[3], "2.50 s");
    assert.equal(await tab.text("#search-result"), "1 frame, 25 % of the time");
  }),
);

check("a page without tasks says nothing of them", () =>
  over("orders", {}, async (tab) => {
    assert.equal(await tab.page.locator("#tasks").count(), 0);
    assert.equal(await tab.page.locator(".key .task").count(), 0);
  }),
);

check("hostile names stay text", () =>
  over("hostile", {}, async (tab) => {
    const got = await tab.page.evaluate(() => ({
      broken: window.broken,
      images: document.images.length,
      bold: document.querySelectorAll("b, i").length,
      scripts: document.scripts.length,
      title: document.title,
    }));
    assert.equal(got.broken, undefined);
    assert.equal(got.images, 0);
    assert.equal(got.bold, 0);
    assert.equal(got.scripts, 1);
    assert.ok(got.title.includes("</title><script>") || got.title.includes("script>"), got.title);
    assert.equal(await tab.text("h1"), "</script><script>window.broken=1</script>");
    await tab.openTwins();
    const names = (await tab.rows("table.tree")).map((row) => row[0]).join("\n");
    assert.ok(names.includes('<img src=x onerror="window.broken=1">'), names);
    assert.ok(names.includes("a\\u2028window.broken=1"), "U+2028 is shown as itself");
    assert.ok(names.includes("\\u202etxt.exe"), "U+202E is shown as itself");
    assert.ok(names.includes("__proto__"));
    const all = await tab.page.evaluate(() => document.body.innerText);
    assert.ok(!/[\u0000-\u0008\u000e-\u001f\u202a-\u202e\u2066-\u2069]/.test(all), "control characters on the page");
  }),
);

check("a page of 600 000 samples is small and quick enough to use", () =>
  over("big", {}, async (tab) => {
    const size = readFileSync(join(pages, "big.html")).length;
    assert.ok(size <= 3_000_000, `${size} bytes`);
    assert.equal(await tab.rootTime(), "10 min 0 s");
    await tab.clickFlame(0.3, 3);
    assert.match(await tab.hash(), /zoom=/);
  }),
);

check("phone width: nothing is wider than the screen", async () => {
  for (const name of ["orders", "threads", "phases", "hostile", "big", "tasks", "work", "diff", "diff-hostile", "diff-runs"])
    await over(name, { width: 390, height: 844 }, async (tab) => {
      const width = await tab.page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(width <= 390, `${name}: ${width}`);
    });
});

/* With a stretch chosen, cards stand behind. */
const AXE_VIEWS = { phases: "#range=150-300" };

for (const scheme of ["light", "dark", "phone"])
  for (const name of ["orders", "threads", "phases", "empty", "tasks", "work", "diff"])
    check(`${name}, ${scheme}: axe finds no violation`, () =>
      over(name, { ...(scheme === "phone" ? { width: 390, height: 844 } : { scheme }), hash: AXE_VIEWS[name] }, async (tab) => {
        await tab.openTwins();
        if (name === "orders") await tab.page.locator("#lines .line").first().click();
        await tab.page.evaluate(`(0, function () { ${axe} })()`).catch(() => undefined);
        const loaded = await tab.page.evaluate(() => typeof window.axe);
        assert.equal(loaded, "object");
        const found = await tab.page.evaluate(async () => {
          const result = await window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"] });
          return result.violations.map((v) => `${v.impact} ${v.id}: ${v.nodes.slice(0, 3).map((n) => n.html).join(" | ")}`);
        });
        assert.deepEqual(found, []);
      }),
    );

check("forced colours: letters stay, the canvas draws", () =>
  over("threads", { forced: "active" }, async (tab) => {
    assert.ok((await tab.canvas(".flame-box canvas")).painted > 1000);
    assert.equal(await tab.page.locator(".bar .letter").first().isVisible(), true);
  }),
);

/* diff-before.txt and diff-after.txt: match_orders 2 s less, check_order (1 s) gone, build_index (0.5 s) new. */
check("diff: the verdict comes first and says by how much of what", () =>
  over("diff", {}, async (tab) => {
    assert.equal(await tab.text("h1"), "B is faster: 7.50 s in place of 10.0 s, 2.50 s (25 %) less");
    assert.match(await tab.text("#detail"), /^match_orders 1\.\d\d s ±\d+ ms less \(shop\/orders\.py:41\); check_order .* gone; build_index .* new$/);
    assert.match(await tab.text("#notes"), /^Compared: wall time .* one run each/);
  }),
);

check("diff: what is told has a sign and a number, what is noise has neither", () =>
  over("diff", {}, async (tab) => {
    const changed = await tab.rows("#functions");
    assert.deepEqual(
      changed.map((row) => [row[0], row[1][0], row[5]]),
      [
        ["match_orders", "\u2212", "less"],
        ["check_order", "\u2212", "gone"],
        ["build_index", "+", "new"],
      ],
    );
    const colours = await tab.page.$$eval("#functions .change", (all) => all.map((one) => getComputedStyle(one).color));
    assert.equal(colours[0], colours[1]);
    assert.notEqual(colours[1], colours[2]);
    await tab.page.getByRole("button", { name: "all", exact: true }).click();
    const all = await tab.rows("#functions");
    const load = all.find((row) => row[0] === "load");
    assert.equal(load[1], "not told");
    assert.equal(load[5], "inside the noise");
    assert.deepEqual(
      (await tab.rows("#stacks")).map((row) => [row[0], row[5]]),
      [
        ["match_orders ← settle ← <module>", "less"],
        ["check_order ← settle ← <module>", "gone"],
        ["build_index ← settle ← <module>", "new"],
      ],
    );
  }),
);

check("diff: several runs of a side are said to be, and what intervals are by", () =>
  over("diff-runs", {}, async (tab) => {
    const sides = await tab.text(".sides");
    assert.match(sides, /diff-runs\.00\.kei\s+and 2 more, means:/);
    assert.match(sides, /diff-runs\.10\.kei\s+and 1 more, means:/);
    assert.match(await tab.text("#notes"), /means of 3 runs of A and 2 of B/);
    assert.match(await tab.text("footer"), /Intervals are by the spread between the runs/);
    assert.equal((await tab.rows("#functions")).length, 3);
  }),
);

check("diff: the flame graph draws both trees and zooms", () =>
  over("diff", {}, async (tab) => {
    const canvas = await tab.canvas(".flame-box canvas");
    assert.equal(canvas.frames, 8);
    assert.ok(canvas.colours > 4);
    await tab.clickFlame(0.1, 2);
    await tab.until(async () => (await tab.text("#flame-now")).startsWith("settle"), "settle on top");
    assert.match(await tab.text("#flame-now"), /\u22122\.\d\d s ±\d+ ms, less/);
    await tab.page.locator(".flame-box canvas").focus();
    await tab.page.keyboard.press("Escape");
    await tab.until(async () => (await tab.text("#flame-now")).startsWith("all"), "everything again");
    await tab.openTwins();
    assert.deepEqual(
      (await tab.rows("table.tree")).map((row) => row[0]),
      ["all", "<module>", "settle", "match_orders", "check_order", "build_index"],
    );
    await tab.page.locator("#search").fill("index");
    await tab.until(async () => (await tab.text("output")) === "1 frame", "one frame found");
  }),
);

check("diff: the page's numbers are those of the JSON", () =>
  over("diff", {}, async (tab) => {
    const diff = JSON.parse(readFileSync(join(pages, "diff.json"), "utf8"));
    const rows = await tab.rows("#functions");
    for (const [i, row] of rows.entries()) {
      const { change } = diff.functions[i].self;
      assert.equal(row[0], diff.functions[i].function);
      const shown = row[1].replace("\u2212", "-").split(" ");
      assert.ok(Math.abs(parseFloat(shown[0]) * (shown[1] === "ms" ? 1e-3 : 1) - change) < 0.006, `${row[1]} ${change}`);
    }
  }),
);

check("screenshots", async () => {
  const kinds = [
    ["orders-light", "orders", {}],
    ["orders-dark", "orders", { scheme: "dark" }],
    ["orders-phone", "orders", { width: 390, height: 844 }],
    ["threads-light", "threads", {}],
    ["phases-whole", "phases", {}],
    ["phases-light", "phases", { hash: "#range=150-300" }],
    ["phases-dark", "phases", { scheme: "dark", hash: "#range=150-300" }],
    ["phases-phone", "phases", { width: 390, height: 844, hash: "#range=150-300" }],
    ["phases-phone-dark", "phases", { width: 390, height: 844, scheme: "dark", hash: "#range=150-300" }],
    ["hostile-light", "hostile", {}],
    ["empty-light", "empty", {}],
    ["big-dark", "big", { scheme: "dark" }],
    ["tasks-light", "tasks", {}],
    ["tasks-dark", "tasks", { scheme: "dark" }],
    ["tasks-phone", "tasks", { width: 390, height: 844 }],
    ["work-light", "work", {}],
    ["work-dark", "work", { scheme: "dark", hash: "#range=20-60" }],
    ["work-phone", "work", { width: 400, height: 844, hash: "#range=20-60" }],
    ["diff-light", "diff", {}],
    ["diff-dark", "diff", { scheme: "dark" }],
    ["diff-phone", "diff", { width: 390, height: 844 }],
  ];
  for (const [shot, name, options] of kinds)
    await over(name, options, (tab) => tab.page.screenshot({ path: join(shots, `${shot}.png`), fullPage: true }));
});

const profile = mkdtempSync(join(tmpdir(), "keisoku-browser-"));
const results = {};
try {
  context = await chromium.launchPersistentContext(profile, { executablePath, headless: true, args: FLAGS });
  context.setDefaultTimeout(60000); /* others may have the cores */
  const only = process.env.KEISOKU_ONLY;
  for (const { name, run } of checks) {
    if (only && !name.includes(only)) continue;
    try {
      await run();
      results[name] = "";
    } catch (error) {
      results[name] = String(error?.stack ?? error).slice(0, 3000);
    }
  }
} finally {
  await context?.close();
  rmSync(profile, { recursive: true, force: true });
}
console.log(JSON.stringify(results, null, 1));
