// Bundles what the pages run in the browser into src/iryo/pages/static: each folder's main.ts and
// worker.ts, styles/main.css, and the HTJ2K decoder as it is. Names carry a hash of the content, so
// that a browser may keep them for ever; manifest.json says which name is which.
//
//   node build.mjs            build
//   node build.mjs --tests    bundle tests/*.test.ts beside it, and run them with node's own runner

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, extname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, "..", "src", "iryo", "pages", "static");
const common = {
  absWorkingDir: here,
  bundle: true,
  format: "esm",
  target: "es2022",
  legalComments: "linked",
  logLevel: "warning",
  // The decoder was compiled for Node too; these parts of it never run in a browser.
  external: ["fs", "path", "crypto"],
  loader: { ".wasm": "file" },
};

async function assets() {
  const manifest = {};
  const emit = (name, bytes) => {
    const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 12);
    const dot = name.lastIndexOf(".");
    manifest[name] = `${name.slice(0, dot)}.${hash}${name.slice(dot)}`;
    writeFileSync(join(target, manifest[name]), bytes);
  };
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  // A worker is named by what comes before it in this list: pages ask the manifest for all names.
  for (const entry of [...globSync("*/worker.ts", { cwd: here }), ...globSync("*/main.ts", { cwd: here })].sort()) {
    const result = await build({ ...common, entryPoints: [entry], minify: true, write: false, outdir: "out" });
    const part = entry.endsWith("worker.ts") ? `${dirname(entry)}-worker` : dirname(entry);
    for (const file of result.outputFiles) {
      if (file.path.endsWith(".LEGAL.txt")) writeFileSync(join(target, `${part}.LEGAL.txt`), file.contents);
      else emit(part + extname(file.path), file.contents);
    }
  }
  for (const style of ["styles/main.css", "styles/studies.css", "styles/viewer.css"].filter((file) => existsSync(join(here, file)))) {
    const result = await build({ ...common, entryPoints: [style], minify: true, write: false, outdir: "out" });
    for (const file of result.outputFiles) emit(basename(file.path), file.contents);
  }
  emit("icon.svg", readFileSync(join(here, "shell/icon.svg")));
  emit("openjph.wasm", readFileSync(join(here, "node_modules/@cornerstonejs/codec-openjph/dist/openjphjs.wasm")));
  // What elements are called, for the header panel.
  const { tags } = JSON.parse(readFileSync(join(here, "..", "src/iryo/dicom/data/dictionary.json"), "utf8"));
  emit("dictionary.json", JSON.stringify(Object.fromEntries(Object.entries(tags).flatMap(([tag, row]) => (row[2] ? [[tag, row[2]]] : [])))));
  writeFileSync(join(target, "packages.LEGAL.txt"), licences());
  const sorted = Object.fromEntries(Object.entries(manifest).sort());
  writeFileSync(join(target, "manifest.json"), JSON.stringify(sorted, null, 1) + "\n");
}

// What is bundled is others' work: their licences go along with it.
function licences() {
  const { dependencies } = JSON.parse(readFileSync(join(here, "package.json"), "utf8"));
  return Object.keys(dependencies).map((name) => {
    const folder = join(here, "node_modules", name);
    const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const texts = globSync("LICEN[CS]E*", { cwd: folder }).map((file) => readFileSync(join(folder, file), "utf8"));
    return [`${name} ${version}: ${license}`, "", ...texts].join("\n");
  }).join("\n\n");
}

async function tests() {
  const out = mkdtempSync(join(tmpdir(), "iryo-web-"));
  try {
    const entryPoints = globSync("tests/*.test.ts", { cwd: here });
    // The decoder asks for what scripts of CommonJS have.
    const js = 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url); const __dirname = import.meta.dirname;';
    await build({ ...common, entryPoints, platform: "node", outdir: out, outExtension: { ".js": ".mjs" }, banner: { js } });
    const files = globSync("*.mjs", { cwd: out }).map((file) => join(out, file));
    const ran = spawnSync(process.execPath, ["--test", "--test-reporter=spec", ...files], { cwd: here, stdio: "inherit" });
    process.exitCode = ran.status ?? 1;
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

await (process.argv.includes("--tests") ? tests() : assets());
if (!process.argv.includes("--tests")) console.log(`built ${relative(process.cwd(), target)}`);
