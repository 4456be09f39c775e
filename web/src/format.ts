/* Numbers and names as the page prints them: always with a unit, thin spaces inside, three significant digits. */

const THIN = "\u202f";

/** A number and its unit stay on one line. */
export function withUnits(text: string): string {
  return text.replace(/(\d) (?=%|(?:[mµ]?s|[kMG]?B)\b)/g, `$1${THIN}`);
}

export function percent(share: number): string {
  const value = share * 100;
  if (value === 0) return `0${THIN}%`;
  if (value < 0.1) return `<0.1${THIN}%`;
  return `${value < 9.95 ? value.toFixed(1).replace(/\.0$/, "") : Math.round(value)}${THIN}%`;
}

/** The half-width of a 95 % interval, in points. */
export function plusMinus(points: number): string {
  const value = points * 100;
  if (value > 0 && value < 0.05) return "±<0.1";
  return `±${value < 0.95 ? value.toFixed(1) : Math.round(value)}`;
}

export function count(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+(?!\d))/g, THIN);
}

function three(value: number): string {
  return value >= 99.5 ? count(value) : value >= 9.95 ? value.toFixed(1) : value.toFixed(2);
}

/** A duration given in microseconds. */
export function time(us: number): string {
  const seconds = Math.round(us / 1e6);
  if (seconds >= 3600) return `${Math.floor(seconds / 3600)}${THIN}h ${Math.floor((seconds % 3600) / 60)}${THIN}min`;
  if (seconds >= 120) return `${Math.floor(seconds / 60)}${THIN}min ${seconds % 60}${THIN}s`;
  if (us >= 1e6) return `${three(us / 1e6)}${THIN}s`;
  if (us >= 1e3) return `${three(us / 1e3)}${THIN}ms`;
  return us === 0 ? `0${THIN}s` : `${three(us)}${THIN}µs`;
}

export function bytes(value: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let at = 0;
  while (value >= 999.5 && at < units.length - 1) {
    value /= 1000;
    at++;
  }
  return `${at === 0 || value >= 99.5 ? Math.round(value) : value.toFixed(1)}${THIN}${units[at]}`;
}

export function rate(hz: number): string {
  return hz >= 10000 ? `${three(hz / 1000)}${THIN}kHz` : `${count(hz)}${THIN}Hz`;
}

/** A value of a finding's evidence in its own unit, which is left out where the words after it say it. */
export function measure(value: number, unit: string, words = ""): string {
  if (unit === "share") return percent(value);
  if (unit === "s") return time(value * 1e6);
  if (unit === "bytes") return bytes(value);
  const number = Number.isInteger(value) ? count(value) : value >= 100 ? count(value) : value.toFixed(2);
  return unit === "1" || unit === "" || words.includes(unit) ? number : `${number}${THIN}${unit}`;
}

let start = "/";

/** The program's working directory, from which its own files are named. */
export function nameFilesFrom(directory: string): void {
  start = directory.endsWith("/") ? directory : `${directory}/`;
}

/** A path from the working directory on, else its last two parts. */
export function shortFile(file: string): string {
  if (start !== "/" && file.startsWith(start)) return file.slice(start.length);
  const parts = file.split("/").filter((part) => part !== "");
  return parts.slice(-2).join("/");
}

/** The last part of a path. */
export function baseName(file: string): string {
  return file.slice(file.lastIndexOf("/") + 1);
}

/** Control and direction-changing characters made visible, so that a name cannot pass for another. */
export function visible(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
