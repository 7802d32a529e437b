// Icons of the toolbar: strokes in a square of 24, in the current colour.

const line = (...paths: string[]): string => paths.map((path) => `<path d="${path}"/>`).join("");

export const icons = {
  window: `<circle cx="12" cy="12" r="8.5"/><path d="M12 3.5a8.5 8.5 0 0 1 0 17z" fill="currentColor"/>`,
  scroll: line("M5 6h14", "M5 12h14", "M5 18h14", "M12 3v-1m0 20v1"),
  zoom: `<circle cx="10.5" cy="10.5" r="6.5"/>` + line("M15.5 15.5 21 21", "M10.5 7.5v6M7.5 10.5h6"),
  pan: line("M12 3v18M3 12h18", "m9.5 5.5 2.5-2.5 2.5 2.5", "m9.5 18.5 2.5 2.5 2.5-2.5", "m5.5 9.5-2.5 2.5 2.5 2.5", "m18.5 9.5 2.5 2.5-2.5 2.5"),
  turnLeft: line("M4 9a8.5 8.5 0 1 1-.5 5", "M4 3.500V9h5.5"),
  turnRight: line("M20 9a8.5 8.5 0 1 0 .5 5", "M20 3.500V9h-5.5"),
  flipAcross: line("M12 3v18", "M9 7 3.5 17H9z", "M15 7l5.5 10H15z"),
  flipAlong: line("M3 12h18", "M7 9 17 3.500V9z", "M7 15l10 5.500V15z"),
  invert: `<rect x="4" y="4" width="16" height="16" rx="2"/><path d="M4 20 20 4v14a2 2 0 0 1-2 2z" fill="currentColor"/>`,
  smooth: line("M3 17c4 0 4-10 9-10s5 10 9 10"),
  fit: line("M4 9V4h5", "M20 9V4h-5", "M4 15v5h5", "M20 15v5h-5"),
  actual: line("M5 8.5 7.5 6.5v11", "M12 10v.01", "M12 15v.01", "M15.5 8.5 18 6.5v11"),
  reset: line("M5 12a7 7 0 1 0 2.5-5.4", "M7 2.500v4.500h4.5"),
  play: line("M7 4.500v15l12-7.500z"),
  pause: line("M8 5v14", "M16 5v14"),
  layout: `<rect x="3.5" y="4.5" width="17" height="15" rx="1.5"/>` + line("M12 4.500v15", "M3.5 12h17"),
  link: line("M9.5 14.5 14.5 9.5", "M11 7l2-2a4.2 4.2 0 0 1 6 6l-2 2", "M13 17l-2 2a4.2 4.2 0 0 1-6-6l2-2"),
  linkWindow: `<circle cx="8.5" cy="12" r="5.5"/><circle cx="15.5" cy="12" r="5.5"/><path d="M12 7.8a5.5 5.5 0 0 1 0 8.4a5.5 5.5 0 0 1 0-8.4z" fill="currentColor" stroke="none"/>`,
  overlay: line("M4 6h8", "M4 10h5", "M20 18h-8", "M20 14h-5"),
  header: line("M5 4h14v16H5z", "M8.5 8.500h7", "M8.5 12h7", "M8.5 15.500h4"),
  statistics: line("M4 20V10", "M10 20V4", "M16 20v-7", "M21 20H3"),
  help: `<circle cx="12" cy="12" r="9"/>` + line("M9.5 9.500a2.5 2.5 0 1 1 3.5 2.300c-.7.3-1 .8-1 1.7", "M12 16.800v.2"),
  full: line("M4 9V4h5", "M20 9V4h-5", "M4 15v5h5", "M20 15v5h-5", "M9 9l-5-5", "M15 9l5-5", "M9 15l-5 5", "M15 15l5 5"),
  save: line("M12 4v11", "m7.5 11 4.5 4.5 4.5-4.5", "M4.5 20h15"),
  print: line("M7 9V3.500h10V9", "M7 17H4V9h16v8h-3", "M7 14h10v6.500H7z"),
  series: `<rect x="4" y="4" width="7" height="7" rx="1"/><rect x="4" y="13" width="7" height="7" rx="1"/>` + line("M14.5 6h5.5", "M14.5 15h5.5", "M14.5 9h3.5", "M14.5 18h3.5"),
  more: line("M5 12h.01", "M12 12h.01", "M19 12h.01"),
  close: line("M6 6l12 12", "M18 6 6 18"),
} as const;

/** An icon as an element; of what the bundle holds, never of what came from elsewhere. */
export function icon(inner: string): SVGSVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  svg.innerHTML = inner;
  return svg;
}
